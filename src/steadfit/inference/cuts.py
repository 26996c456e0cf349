"""Every threshold worth trying for one class, with what each makes of a metric."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.metrics import Counts, f1_scores, metric_of_label

_SAME = 1e-12  # metrics this near are equal: sums in another order differ by less


def best_class_threshold(
    metric: str,
    column: int,
    probabilities: NDArray[np.float64],
    codes: NDArray[np.int64],
    thresholds: NDArray[np.float64],
) -> float:
    """Return the threshold of one class that is best for the texts, the others' being what it is.

    A text gets the class where the threshold is below r = p_k / max_j (p_j / t_j) of the others,
    and else the best of them. Between two neighbouring r nothing changes: so a cut between each
    two, and one at either end, are all thresholds there are. Sorting takes longest, whatever the
    number of classes. Of equally good ones the nearest to the present one is returned.
    """
    classes = probabilities.shape[1]
    quotients = probabilities / thresholds
    quotients[:, column] = -1.0
    most = quotients.max(axis=1)
    tied = np.where(quotients == most[:, None], probabilities, -1.0)
    tied[:, column] = -2.0
    other = tied.argmax(axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        ratios = np.where(probabilities[:, column] > 0, probabilities[:, column] / most, 0.0)
    order = np.argsort(ratios, kind="stable")
    ratios, answers, other = ratios[order], codes[order], other[order]

    there = np.bincount(codes, minlength=classes).astype(np.float64)
    mine = np.concatenate([[0], np.cumsum(answers == column)]).astype(np.float64)
    own = Counts(there[column] - mine, there[column], np.arange(len(codes), -1, -1.0))
    if metric.startswith("f1:"):
        scores = f1_scores(own)
    else:
        scores = _of_all(metric, own, other, answers == other, there)
    return _nearest_best(scores, ratios, float(thresholds[column]), np.inf, geometric=True)


def best_label_threshold(
    metric: str, probabilities: NDArray[np.float64], has: NDArray[np.bool_], threshold: float
) -> float:
    """Return the threshold of one label, (texts,), that is best for the texts.

    Of equally good ones the nearest to `threshold` is returned.
    """
    order = np.argsort(probabilities, kind="stable")
    right = has.sum() - np.concatenate([[0], np.cumsum(has[order])])
    given = np.arange(len(has), -1, -1.0)
    there = np.full(len(given), float(has.sum()))
    scores = metric_of_label(metric, right.astype(np.float64), there, given, len(has))
    return _nearest_best(scores, probabilities[order], threshold, 1.0, geometric=False)


def _of_all(
    metric: str,
    own: Counts,
    other: NDArray[np.int64],
    right: NDArray[np.bool_],
    there: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the metric at each cut, (texts + 1,), the texts before it getting their `other`.

    A text that goes over to another class changes the part of that class alone: parts after
    each such change, class by class, less the part before, summed up in the order of the texts.
    """
    order = np.argsort(other, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(other, minlength=len(there)))[:-1]])
    begin = starts[other[order]]
    given = np.arange(1, len(other) + 1) - begin
    so_far = np.concatenate([[0], np.cumsum(right[order])])
    after = Counts(
        (so_far[1:] - so_far[begin]).astype(np.float64), there[other[order]], 1.0 * given
    )
    parts = _parts(metric, after)
    before = np.where(given == 1, 0.0, np.concatenate([[0.0], parts[:-1]]))
    change, new = np.empty(len(other)), np.empty(len(other))
    change[order] = parts - before
    new[order] = (given == 1) & (after.there == 0)
    total = _parts(metric, own) + np.concatenate([[0.0], np.cumsum(change)])
    if metric == "accuracy":
        return total / len(other)
    present = np.full(len(total), float((there > 0).sum()))
    if metric == "macro-f1":  # a class that is given counts too
        present += np.concatenate([[0.0], np.cumsum(new)])
        present += (own.there == 0) & (own.given > 0)
    return total / present


def _parts(metric: str, counts: Counts) -> NDArray[np.float64]:
    """Return what each class adds to a metric before it is divided by their number."""
    if metric == "accuracy":
        return counts.right
    if metric == "balanced-accuracy":
        return counts.right / np.maximum(counts.there, 1)
    return f1_scores(counts)


def _nearest_best(
    scores: NDArray[np.float64],
    values: NDArray[np.float64],
    present: float,
    most: float,
    geometric: bool,
) -> float:
    """Return the best threshold, given that of `values`, ascending, those before a cut are below.

    A threshold is above 0, so that what is 0 is always below it; and it is at most `most`, so that
    what is that is never below.
    """
    low = np.concatenate([[0.0], values])
    high = np.concatenate([values, [most]])
    # At the upper end nothing has to be between: a threshold of `most` is allowed for labels.
    possible = (low < high) & (low < most)
    scores = np.where(possible, scores, -np.inf)
    if not possible.any():
        return present
    best = scores >= scores.max() - _SAME
    low, high = low[best], high[best]
    held = (low < present) & ((present < high) if geometric else (present <= high))
    if held.any():
        return present
    inner = _between(low, high, present) if geometric else (low + high) / 2
    # Two neighbouring numbers have none between them.
    inner = np.where((low < inner) & (inner <= high), inner, high)
    distance = np.abs(np.log(inner / present)) if geometric else np.abs(inner - present)
    return float(inner[distance.argmin()])


def _between(
    low: NDArray[np.float64], high: NDArray[np.float64], present: float
) -> NDArray[np.float64]:
    """Return numbers half way between quotients; twice or half of one that has no neighbour."""
    inner = np.sqrt(np.where(low > 0, low, 1.0)) * np.sqrt(np.where(np.isinf(high), 1.0, high))
    inner = np.where(np.isinf(high), 2 * low, np.where(low > 0, inner, high / 2))
    return np.where((low == 0) & np.isinf(high), present, inner)
