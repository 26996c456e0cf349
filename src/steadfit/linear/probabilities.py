"""Tables of probabilities and of answers, as anybody may give them: checked and made arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.errors import DataError

LEAST_PROBABILITY = 1e-7  # what log loss takes a zero for: float32's softmax rounds to it
_ROUNDING = 1e-4  # by how much the probabilities of a text may miss a sum of one


def class_probabilities(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities of classes of which each text has one, (texts, classes).

    Raises:
        DataError: no table of two classes or more, or a row that is no distribution.
    """
    table = _table(name, values, "classes")
    if table.shape[1] < 2:
        raise DataError(
            f"{name} has the shape {table.shape}; accepted is (texts, classes), of two classes or "
            "more."
        )
    if not (table >= 0).all() or not (np.abs(table.sum(axis=1) - 1) <= _ROUNDING).all():
        raise DataError(
            f"{name} holds rows that are no probabilities: none may be negative or NaN, and their "
            "sum is one. Scores go through a softmax first."
        )
    return table


def label_probabilities(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities of labels of which a text may have any number, (texts, labels).

    Raises:
        DataError: no table, or a number that is not from 0 to 1.
    """
    table = _table(name, values, "labels")
    if not ((table >= 0) & (table <= 1)).all():
        raise DataError(
            f"{name} holds what is no probability; accepted are numbers from 0 to 1, each of one "
            "label. Logits go through a sigmoid first."
        )
    return table


def class_codes(codes: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the column of each text's class, (texts,), of a table of this shape.

    Raises:
        DataError: no texts, another number of codes, or one that is no column.
    """
    answers = np.asarray(codes)
    if answers.shape != shape[:1] or not len(answers) or answers.dtype.kind not in "iu":
        raise DataError(
            f"codes has the shape {answers.shape} and holds {answers.dtype}; for {shape[0]} texts "
            "give as many column numbers, and one text at least."
        )
    if answers.min() < 0 or answers.max() >= shape[1]:
        raise DataError(
            f"codes go from {answers.min()} to {answers.max()}; accepted are the columns 0 to "
            f"{shape[1] - 1}."
        )
    return answers.astype(np.int64)


def label_marks(marks: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which labels each text has, (texts, labels), for a table of this shape.

    Raises:
        DataError: no texts, another shape, or something else than 0, 1, False and True.
    """
    try:
        table = np.asarray(marks)
        right = table.dtype.kind in "biuf" and bool(np.isin(table, (0, 1)).all())
    except (TypeError, ValueError) as error:
        raise DataError(f"The labels hold no table ({error}).") from error
    if table.shape != shape or not len(table) or not right:
        raise DataError(
            f"The labels have the shape {table.shape} and hold {table.dtype}; accepted are zeros "
            f"and ones of the shape {shape}, and one text at least."
        )
    return table.astype(bool)


def _table(name: str, values: ArrayLike, columns: str) -> NDArray[np.float64]:
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} holds no table of numbers ({error}).") from error
    if table.ndim != 2 or not table.shape[1]:
        raise DataError(f"{name} has the shape {table.shape}; accepted is (texts, {columns}).")
    return table
