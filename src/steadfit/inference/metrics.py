"""Accuracy, F1 and balanced accuracy from counts, for one decision or for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import shown
from steadfit.core.errors import DataError

METRICS = ("accuracy", "macro-f1", "balanced-accuracy", "f1:<class>")


class Counts(NamedTuple):
    """How often each class was right, there and given; the last axis is that of classes.

    Axes before it may be those of many decisions: (..., classes).
    """

    right: NDArray[np.float64]
    there: NDArray[np.float64]
    given: NDArray[np.float64]


def check_metric(metric: str, classes: Sequence[str]) -> None:
    """Raise DataError unless `metric` is one of METRICS, its class one of `classes`."""
    name = metric[3:] if isinstance(metric, str) and metric.startswith("f1:") else None
    if metric not in METRICS[:3] and (name is None or name not in classes):
        named = ", ".join(map(shown, classes[:20]))
        raise DataError(
            f"metric is {shown(metric)}; accepted are {', '.join(METRICS)}, with a class of {named}"
        )


def metric_of(metric: str, counts: Counts, classes: Sequence[str]) -> NDArray[np.float64]:
    """Return the metric of texts that have one class each, (...,).

    As scikit-learn has them: F1 is 2 · right / (there + given), zero for a class that is never
    right; macro-F1 is its mean over the classes that are there or given, balanced accuracy the
    mean share of right ones over the classes that are there.
    """
    right, there, given = counts
    if metric == "accuracy":
        return _share(right.sum(axis=-1), there.sum(axis=-1))
    if metric == "balanced-accuracy":
        return _share(_share(right, there).sum(axis=-1), (there > 0).sum(axis=-1))
    f1 = f1_scores(counts)
    if metric == "macro-f1":
        return _share(f1.sum(axis=-1), (there + given > 0).sum(axis=-1))
    return f1[..., list(classes).index(metric[3:])]


def metric_of_label(
    metric: str,
    right: NDArray[np.float64],
    there: NDArray[np.float64],
    given: NDArray[np.float64],
    texts: int,
) -> NDArray[np.float64]:
    """Return the metric of one label that each of `texts` has or has not, the shape of `right`.

    Accuracy counts what is right about having it and about not; balanced accuracy is the mean of
    both shares, or the one there is.
    """
    if metric == "accuracy":
        return (texts - there - given + 2 * right) / texts
    if metric == "balanced-accuracy":
        absent = texts - there
        shares = _share(right, there) + _share(absent - (given - right), absent)
        return _share(shares, 1.0 * (there > 0) + (absent > 0))
    return f1_scores(Counts(right, there, given))


def f1_scores(counts: Counts) -> NDArray[np.float64]:
    """Return the F1 of each class, zero where it is neither there nor given."""
    return _share(2 * counts.right, counts.there + counts.given)


def _share(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    above, below = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
