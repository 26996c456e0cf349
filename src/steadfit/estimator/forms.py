"""The forms in which labels are given: one a text, a set a text, a table of zeros and ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.estimator.frames import columns_of
from steadfit.estimator.kinds import kind_of, plain_of
from steadfit.text.values import is_missing, is_set_of_labels

SETS, TABLE = "sets", "table"  # the forms in which a text's several labels are given
_LABELS = "Labels"


def form_of(labels: Any) -> str | None:
    """Return the form of labels: SETS, TABLE, or None for one label a text.

    Lists of the same length, two or more, that hold nothing but zeros and ones are a table, as in
    scikit-learn: as sets they would name a label twice, or be the same two labels for every text.

    Raises:
        DataError: what can be no labels at all.
    """
    _check_given(labels)
    if is_table(labels):
        return TABLE
    column = _one_column(labels)
    if not is_set_of_labels(_row(next(iter(column), None))):
        return None
    return TABLE if _is_table_in_lists(list(map(_row, column))) else SETS


def is_table(labels: Any) -> bool:
    """Tell whether labels are an array of two dimensions, or a frame, with more than one column."""
    columns = columns_of(labels, _LABELS)
    if columns is not None:
        return len(columns) != 1
    if hasattr(labels, "tocsr"):
        return True
    return isinstance(labels, np.ndarray) and labels.ndim == 2 and labels.shape[1] != 1


def column_of(labels: Any, missing: bool = False) -> list[Any]:
    """Return one plain value a text.

    Args:
        labels: a list, array, series, or a table of one column.
        missing: a label may be missing; it is None.

    Raises:
        DataError: no labels, of several kinds, or missing ones.
    """
    _check_given(labels)
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is taken as one label "
            "a text.",
            DataConversionWarning,
            stacklevel=5,
        )
    values = list(_row(_one_column(labels)))
    without = [row for row, one in enumerate(values) if _is_no_label(one)]
    if without and not missing:
        raise DataError(
            f"{len(without):,} of {len(values):,} labels are missing (None, NaN or ''; the first "
            f"is row {without[0]}). Leave these rows out, or give their texts as unlabeled ones."
        )
    for row in without:
        values[row] = None
    plain = plain_of(kind_of(one for one in values if one is not None))
    return [None if one is None else plain(one) for one in values]


def sets_of(labels: Any) -> list[list[Any]]:
    """Return the plain values of each text's labels.

    Raises:
        DataError: a table, a text without a list or set, or labels that are missing or of several
            kinds.
    """
    _check_given(labels)
    if is_table(labels):
        raise DataError(
            "Labels are a table; the classes were learned from sets, so a list or set of labels a "
            "text is needed."
        )
    rows = list(map(_row, _one_column(labels)))
    for row, one in enumerate(rows):
        if not is_set_of_labels(one):
            raise DataError(f"The labels of text {row} are {shown(one)}; a list or set is needed.")
        if any(map(_is_no_label, one)):
            raise DataError(
                f"The labels of text {row} are {shown(one)}; none of them may be missing (None, "
                "NaN or ''). A text without labels has an empty set."
            )
    plain = plain_of(kind_of(one for row in rows for one in row))
    return [[plain(one) for one in row] for row in rows]


def table_of(labels: Any) -> NDArray[np.bool_]:
    """Return which labels each text has, (texts, classes).

    Raises:
        DataError: no table of zeros and ones.
    """
    _check_given(labels)
    if hasattr(labels, "toarray"):
        labels = labels.toarray()
    elif columns_of(labels, _LABELS) is None and not isinstance(labels, np.ndarray):
        labels = list(map(_row, labels))
    try:
        table = np.asarray(labels)
    except ValueError:  # of numpy, which makes no array of them
        raise DataError(
            "The rows of labels are of different lengths; a table of several labels a text is "
            "(texts, classes), of zeros and ones."
        ) from None
    if table.ndim != 2 or table.dtype.kind not in "biuf" or not np.isin(table, (0, 1)).all():
        raise DataError(
            f"Labels have the shape {table.shape} and hold {table.dtype}; a table of several "
            "labels a text is (texts, classes), of zeros and ones."
        )
    return table.astype(bool)


def _check_given(labels: Any) -> None:
    columns_of(labels, _LABELS)  # of a frame that is not read yet it says so
    if labels is None:
        raise DataError(
            "Labels are None; give one for each text. A classifier requires y to be passed, but "
            "the target y is None."
        )
    flat = isinstance(labels, Iterable) and getattr(labels, "ndim", 1) > 0
    if isinstance(labels, (str, Mapping)) or not flat:
        raise DataError(f"Labels are {shown(labels)}; give one for each text.")


def _one_column(labels: Any) -> Any:
    """Return the column of a table that has only one; anything else as it is."""
    columns = columns_of(labels, _LABELS)
    if columns is not None and len(columns) == 1:
        return labels[columns[0]]
    if isinstance(labels, np.ndarray) and labels.ndim == 2 and labels.shape[1] == 1:
        return labels.ravel()
    return labels


def _row(labels: Any) -> Any:
    """Return the labels of one text: those of an array or a series as a list."""
    if hasattr(labels, "tolist"):
        return labels.tolist()
    return labels.to_list() if hasattr(labels, "to_list") else labels


def _is_table_in_lists(rows: list[Any]) -> bool:
    width = len(rows[0])
    return width > 1 and all(
        isinstance(row, (list, tuple)) and len(row) == width and all(map(_is_zero_or_one, row))
        for row in rows
    )


def _is_zero_or_one(value: Any) -> bool:
    return isinstance(value, (Real, np.bool_)) and bool(value in (0, 1))


def _is_no_label(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, str) and not value)
