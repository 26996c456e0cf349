"""NBSVM: a support vector machine on words weighed by how much they tell the classes apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.linear.counting import with_values
from steadfit.linear.fit import Assumed, Solution, fit_linear
from steadfit.linear.model import LinearModel


def fit_nbsvm(
    texts: Sequence[str],
    labels: Sequence[Hashable],
    classes: Sequence[Hashable] | None = None,
    calibrated: bool = True,
    assumed: Assumed | None = None,
) -> LinearModel:
    """Train NBSVM on words and pairs of words (Wang & Manning, 2012, section 2.3).

    A text is f̂ ∘ r: which n-grams occur in it, times their log-count ratios, α = 1. Its weights
    come from a linear support vector machine with squared hinge loss and C = 0.01, without the
    paper's interpolation (β = 1). More than two classes are each set against the rest, with a
    ratio of their own. N-grams of a single document are left out from 2,000 documents on.

    The arguments are those of `steadfit.linear.fit.fit_linear`, and so are the errors.
    """
    return fit_linear(_solve, texts, labels, classes, calibrated, assumed)


def log_count_ratio(counts: Any, positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return r = log((p / ‖p‖₁) / (q / ‖q‖₁)) (n-grams,): Wang & Manning (2012), section 2.1.

    p = 1 + in how many of the positive texts an n-gram occurs, q = 1 + the same of the others.

    Args:
        counts: a sparse matrix (texts, n-grams); how often one occurs in a text does not count.
        positive: (texts,), which of them are of the class.
    """
    there = np.repeat(positive, np.diff(counts.indptr))
    p, q = (
        1.0 + np.bincount(counts.indices[side], minlength=counts.shape[1])
        for side in (there, ~there)
    )
    ratio: NDArray[np.float64] = np.log(p / p.sum()) - np.log(q / q.sum())
    return ratio


def _solve(counts: Any, codes: NDArray[np.int64], classes: int) -> Solution:
    from sklearn.svm import LinearSVC

    columns, bias = [], []
    for code in [1] if classes == 2 else range(classes):
        positive = codes == code
        ratio = log_count_ratio(counts, positive)
        # The solver visits the texts in a random order: a fixed one gives the same weights every
        # time.
        machine = LinearSVC(C=0.01, random_state=0)
        machine.fit(with_values(counts, partial(_ratios, ratio)), positive)
        columns.append(machine.coef_[0] * ratio)
        bias.append(machine.intercept_[0])
    return Solution(
        None, np.column_stack(columns).astype(np.float32), np.array(bias, dtype=np.float32)
    )


def _ratios(ratio: NDArray[np.float64], counts: Any) -> NDArray[np.float64]:
    return ratio[counts.indices]
