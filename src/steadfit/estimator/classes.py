"""Labels of any plain kind, as the names a model keeps and back again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning

from steadfit.core.checks import shown
from steadfit.core.errors import DataError, FileFormatError
from steadfit.text.values import is_missing, is_set_of_labels

SETS, TABLE = "sets", "table"  # the forms in which a text's several labels are given
_PLAIN: dict[str, Callable[[Any], Any]] = {"str": str, "int": int, "float": float, "bool": bool}
_READ: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda name: name == "True",
}


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes as they were given, and as names.

    Attributes:
        kind: "str", "int", "float" or "bool".
        values: (classes,), sorted, of the type in which they were given.
        many: how several labels a text were given, "sets" or "table"; None is one a text.
    """

    kind: str
    values: NDArray[Any]
    many: str | None = None

    @property
    def names(self) -> list[str]:
        """Each class as a string, in the order of `values`."""
        return [_name(value) for value in self.values.tolist()]

    def read(self, labels: Any) -> list[Any]:
        """Return labels as names: a string each, or of several labels a tuple each.

        Raises:
            DataError: labels of another form, or a class that is none of these.
        """
        known = set(self.names)
        if self.many == TABLE:
            table = _table(labels)
            if table.shape[1] != len(self.values):
                raise DataError(
                    f"The table of labels has {table.shape[1]} columns; the classes are "
                    f"{len(self.values)}."
                )
            names = np.array(self.names, dtype=object)
            return [tuple(names[row]) for row in table]
        found: list[Any]
        if self.many == SETS:
            found = [tuple(_name(one) for one in row) for row in _sets(labels)]
            unseen = {name for row in found for name in row} - known
        else:
            found = [_name(one) for one in _column(labels)]
            unseen = set(found) - known
        if unseen:
            raise DataError(
                f"Labels hold {shown(sorted(unseen))}, which no text to learn from has; the "
                f"classes are {shown(self.values.tolist())}. Leave those texts out, or train anew "
                "with texts of these classes."
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` makes the same."""
        return {"kind": self.kind, "names": self.names, "many": self.many}

    @classmethod
    def from_json(cls, content: Any) -> Classes:
        """Return what `to_json` gave.

        Raises:
            FileFormatError: it gave something else.
        """
        try:
            kind, names, many = (content[key] for key in ("kind", "names", "many"))
            values = [_READ[kind](name) for name in names]
        except (LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"These are no classes of an estimator: {error!r}") from error
        if many not in (None, SETS, TABLE):
            raise FileFormatError(f"These are no classes of an estimator: {shown(many)}")
        return cls(kind, _array(values), many)


def classes_of(labels: Any, multi_label: bool | str = "auto") -> Classes:
    """Return the classes that labels have.

    Args:
        labels: one string, whole number or truth value a text; or where a text may have several, a
            list, tuple or set of them a text, or a table (texts, classes) of zeros and ones.
        multi_label: True or False refuses labels of the other form.

    Raises:
        DataError: labels that are missing, mixed, no names, or of one class only.
    """
    if multi_label not in (True, False, "auto"):
        raise DataError(f"multi_label is {shown(multi_label)}; accepted: True, False, 'auto'.")
    form = _form(labels)
    if multi_label != "auto" and multi_label != (form is not None):
        wanted = "sets of labels, or a table of zeros and ones," if multi_label else "one label"
        raise DataError(f"multi_label is {multi_label}, so {wanted} a text is needed.")
    if form == TABLE:
        count = _table(labels).shape[1]
        names = list(getattr(labels, "columns", range(count)))
        return _made(names, form, unique=True)
    values = [one for row in _sets(labels) for one in row] if form else _column(labels)
    return _made(values, form)


def _made(values: list[Any], form: str | None, unique: bool = False) -> Classes:
    kind = _kind(values)
    different = _array(values if unique else sorted(set(values)))
    if len(different) < 2:
        only = shown(different.tolist()[0]) if len(different) else "none"
        raise DataError(f"All labels are of one class ({only}); a classifier needs two classes.")
    return Classes(kind, different, form)


def _array(values: list[Any]) -> NDArray[Any]:
    """Return values as an array that gives them back: numpy cuts zeros off strings, for one."""
    found = np.array(values)
    same = [(type(one), one) for one in found.tolist()] == [(type(one), one) for one in values]
    if same:
        return found
    kept = np.empty(len(values), dtype=object)
    kept[:] = values
    return kept


def _form(labels: Any) -> str | None:
    if _is_one_column(labels):
        return None
    if hasattr(labels, "tocsr") or hasattr(labels, "columns"):
        return TABLE
    shape = np.shape(labels) if isinstance(labels, np.ndarray) else ()
    if len(shape) == 2 and shape[1] > 1:
        return TABLE
    if len(shape) == 2:
        return None
    first = next(iter(labels), None) if isinstance(labels, Iterable) else None
    return SETS if is_set_of_labels(first) else None


def _is_one_column(labels: Any) -> bool:
    """Tell whether these are a data frame of one column: one label a text."""
    return hasattr(labels, "columns") and len(labels.columns) == 1


def _is_no_label(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, str) and not value)


def _column(labels: Any) -> list[Any]:
    """Return one plain value a text."""
    if labels is None or isinstance(labels, (str, Mapping)) or not isinstance(labels, Iterable):
        raise DataError(
            "Labels are None; give one for each text. A classifier requires y to be passed, but "
            "the target y is None."
            if labels is None
            else f"Labels are {shown(labels)}; give one for each text."
        )
    frame: Any = labels
    if _is_one_column(frame):
        labels = frame[frame.columns[0]]
    elif isinstance(labels, np.ndarray) and labels.ndim == 2:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is taken as one label "
            "a text.",
            DataConversionWarning,
            stacklevel=5,
        )
        labels = labels.ravel()
    values = list(labels.tolist() if hasattr(labels, "tolist") else labels)
    missing = [row for row, one in enumerate(values) if _is_no_label(one)]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(values):,} labels are missing (None, NaN or ''; the first "
            f"is row {missing[0]}). Leave these rows out, or give their texts as unlabeled ones."
        )
    kind = _kind(values)
    return [_PLAIN[kind](value) for value in values]


def _sets(labels: Any) -> list[list[Any]]:
    rows = list(labels)
    for row, one in enumerate(rows):
        if not is_set_of_labels(one):
            raise DataError(f"The labels of text {row} are {shown(one)}; a list or set is needed.")
        if any(map(_is_no_label, one)):
            raise DataError(
                f"The labels of text {row} are {shown(one)}; none of them may be missing (None, "
                "NaN or ''). A text without labels has an empty set."
            )
    plain = _PLAIN[_kind([one for row in rows for one in row])]
    return [[plain(one) for one in row] for row in rows]


def _table(labels: Any) -> NDArray[np.bool_]:
    if hasattr(labels, "toarray"):
        labels = labels.toarray()
    table = np.asarray(labels)
    if table.ndim != 2 or table.dtype.kind not in "biuf" or not np.isin(table, (0, 1)).all():
        raise DataError(
            f"Labels have the shape {table.shape} and hold {table.dtype}; a table of several "
            "labels a text is (texts, classes), of zeros and ones."
        )
    return table.astype(bool)


def _kind(values: Sequence[Any]) -> str:
    kinds = {_kind_of(value) for value in values}
    if len(kinds) > 1:
        raise DataError(
            f"Labels are of several kinds ({', '.join(sorted(kinds))}); give all of one: strings, "
            "whole numbers or truth values."
        )
    return kinds.pop() if kinds else "str"


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return "str"
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, Integral):
        return "int"
    if isinstance(value, Real) and float(value).is_integer():
        return "float"
    what = "a continuous target" if isinstance(value, Real) else type(value).__name__
    raise DataError(
        f"Unknown label type: {shown(value)} ({what}); labels are strings, whole numbers or truth "
        "values. Make strings of others."
    )


def _name(value: Any) -> str:
    kind = _kind_of(value)
    if kind == "str":
        return str(value)
    if kind == "float":
        return repr(float(value))
    return repr(bool(value)) if kind == "bool" else repr(int(value))
