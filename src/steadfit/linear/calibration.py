"""Margins or logits → probabilities: one scale that fits texts held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.bisection import crossing
from steadfit.core.errors import DataError
from steadfit.linear.probabilities import class_codes, label_marks

FOLDS = 5
_LEAST, _LARGEST = 1e-3, 2.0**40  # a scale; above zero, so that the largest margin still wins


def fit_scale(scores: ArrayLike, codes: ArrayLike) -> float:
    """Return the scale with which the softmax of held-out scores has the least log loss.

    One over the temperature of Guo et al. (2017), section 4.2, for margins or logits. The class of
    a text with N of its class held out counts as (N + 1) / (N + 2) and the rest is shared by the
    others, as in Platt (1999), section 2.2: else scores that are right every time would have no
    finite scale. Platt's sigmoid also has an offset, which makes other predictions than the scores
    do; it was not worth that: after 1,000 reviews the log loss on others was 0.352 with it and
    0.351 without, and where a tenth was positive 0.283 and 0.286.

    Where nothing is held out, or every class of every text has the same score, no scale is better
    than another, and it is one.

    Args:
        scores: (texts, classes), of texts that whatever gave them has not learned from.
        codes: (texts,), the column of each text's class.

    Raises:
        DataError: fewer than two classes, scores that are not finite, or codes that do not fit.
    """
    logits = _finite("scores", scores, least_columns=2)
    if not len(logits):
        return 1.0
    answers = class_codes(codes, logits.shape)
    count = np.bincount(answers, minlength=logits.shape[1])[answers].astype(np.float64)
    targets = np.repeat((1 / (count + 2) / (logits.shape[1] - 1))[:, None], logits.shape[1], axis=1)
    targets[np.arange(len(answers)), answers] = (count + 1) / (count + 2)

    def slope(scale: float) -> float:  # of the log loss, which is convex in the scale
        return float(((softmax(scale * logits) - targets) * logits).sum())

    return _least_loss(slope, float(np.ptp(logits, axis=1).max()))


def fit_sigmoid_scale(logits: ArrayLike, marks: ArrayLike) -> float:
    """Return the scale with which the sigmoids of held-out logits have the least log loss.

    The same as `fit_scale` where a text may have any number of labels: one scale for all labels,
    so that what is likelier than what stays as it was, within a label and between them; and no
    offset, so that a logit of zero stays a probability of a half. Marks are softened label by
    label, (N + 1) / (N + 2) for the N texts that have it and 1 / (M + 2) for the M that have not
    (Platt, 1999, section 2.2).

    Args:
        logits: (texts, labels), of texts that whatever gave them has not learned from.
        marks: (texts, labels), one where a text has the label, else zero.

    Raises:
        DataError: no table, logits that are not finite, or marks that do not fit.
    """
    table = _finite("logits", logits, least_columns=1)
    if not len(table):
        return 1.0
    has = label_marks(marks, table.shape)
    positive = has.sum(axis=0)
    negative = len(has) - positive
    targets = np.where(has, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def slope(scale: float) -> float:
        return float(((sigmoid(scale * table) - targets) * table).sum())

    return _least_loss(slope, float(np.abs(table).max()))


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logit)) of each, without overflow."""
    weights = np.exp(-np.abs(logits))
    shares: NDArray[np.float64] = np.where(logits >= 0, 1.0, weights) / (1 + weights)
    return shares


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax of each row, (rows, classes)."""
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares


def folds(codes: NDArray[np.int64]) -> Iterator[NDArray[np.bool_]]:
    """Yield which texts, (texts,), are held out together, in `FOLDS` parts of every class.

    Each part is a run of neighbours of a class: texts that stand together are often alike, such
    as reviews of one film. The only text of a class is never held out, so every class can be
    learned every time.
    """
    part = np.full(len(codes), -1)
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        if len(members) > 1:
            part[members] = np.arange(len(members)) * FOLDS // len(members)
    for number in range(FOLDS):
        if (part == number).any():
            yield part == number


def _least_loss(slope: Callable[[float], float], size: float) -> float:
    """Return the scale at which the slope of the loss of scores up to `size` apart is zero."""
    if not size:
        return 1.0
    # Logits of a network gone astray may be in the thousands: less than the usual least scale.
    least = _LEAST if slope(_LEAST) < 0 else _LEAST / max(1.0, size)
    if slope(least) >= 0:
        return least
    largest = max(least, 1.0)
    while slope(largest) < 0 and largest < _LARGEST:
        largest *= 2
    return crossing(slope, least, largest)


def _finite(name: str, values: ArrayLike, least_columns: int) -> NDArray[np.float64]:
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} holds no table of numbers ({error}).") from error
    # A sum of squares of what is allowed stays finite.
    if table.ndim != 2 or table.shape[1] < least_columns or not (np.abs(table) <= 1e100).all():
        raise DataError(
            f"{name} has the shape {table.shape}, or numbers that are not finite; accepted is "
            f"(texts, columns), of {least_columns} column or more."
        )
    return table
