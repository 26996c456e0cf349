"""Labels of any plain kind, as the names a model keeps and back again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import shown
from steadfit.core.errors import DataError, FileFormatError
from steadfit.estimator.forms import SETS, TABLE, column_of, form_of, sets_of, table_of
from steadfit.estimator.frames import columns_of, refuse_twice
from steadfit.estimator.kinds import kind_of, name_of, plain_of, text_of, value_of
from steadfit.text.values import names_of


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes as they were given, and as names.

    Attributes:
        kind: "str", "int", "float" or "bool".
        values: (classes,), sorted, of the type in which they were given; those of a table stand as
            its columns do.
        many: how several labels a text were given, "sets" or "table"; None is one a text.
        absent: names of the table's columns that are never one: no network knows these.
    """

    kind: str
    values: NDArray[Any]
    many: str | None = None
    absent: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Each class as a string, in the order of `values`."""
        return [name_of(value) for value in self.values.tolist()]

    @property
    def learned(self) -> list[str]:
        """The names of those classes that some text has, in the order of `values`."""
        return [name for name in self.names if name not in self.absent]

    def read(self, labels: Any) -> list[Any]:
        """Return labels as names: a string each, or of several labels a tuple each.

        Raises:
            DataError: labels of another form, or a class that is none of these.
        """
        found = self._named(labels)
        if unseen := {name for one in found for name in names_of(one)} - set(self.learned):
            there = [
                value
                for name, value in zip(self.names, self.values.tolist(), strict=True)
                if name not in self.absent
            ]
            raise DataError(
                f"Labels hold {shown(sorted(unseen))}, which no text to learn from has; the "
                f"classes are {shown(there)}. Leave those texts out, or train anew with texts of "
                "these classes."
            )
        return found

    def compared(self, labels: Any) -> list[set[str] | None]:
        """Return labels as names, a set of them a text, to compare with others read so.

        A label that is missing is None; one that is no class has a name that no class has.

        Raises:
            DataError: labels of another form.
        """
        found = self._named(labels, missing=True)
        return [None if one is None else {*names_of(one)} for one in found]

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` makes the same."""
        return {
            "kind": self.kind,
            "names": self.names,
            "many": self.many,
            "absent": list(self.absent),
        }

    @classmethod
    def from_json(cls, content: Any) -> Classes:
        """Return what `to_json` gave.

        Raises:
            FileFormatError: it gave something else.
        """
        try:
            kind, names, many = (content[key] for key in ("kind", "names", "many"))
            values = [value_of(kind, name) for name in names]
            absent = tuple(content.get("absent", ()))  # folders of before have none
        except (LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"These are no classes of an estimator: {error!r}") from error
        if many not in (None, SETS, TABLE):
            raise FileFormatError(f"These are no classes of an estimator: {shown(many)}")
        return cls(kind, _array(values), many, absent)

    def _named(self, labels: Any, missing: bool = False) -> list[Any]:
        labels = list(labels) if isinstance(labels, Iterator) else labels
        if self.many == TABLE:
            return self._marked(labels)
        if self.many == SETS:
            rows = sets_of(labels)
            name = self._naming(one for row in rows for one in row)
            return [tuple(map(name, row)) for row in rows]
        if form := form_of(labels):
            raise DataError(
                f"Labels are {'a table' if form == TABLE else 'sets'}; the classes were learned "
                "from texts that have one label each, so one for each text is needed."
            )
        values = column_of(labels, missing)
        name = self._naming(values)
        return [None if one is None else name(one) for one in values]

    def _naming(self, values: Iterable[Any]) -> Callable[[Any], str]:
        """Return what names each of these values: as given, or as text where no class is given so.

        A table on disk holds text, so a model of the command line knows "1" where an array has 1.
        """
        pairs = list(zip(self.values.tolist(), self.names, strict=True))
        as_given = dict(pairs)
        if any(one in as_given for one in values):
            return lambda one: as_given.get(one) or name_of(one)
        as_text = {text_of(value): name for value, name in pairs}
        return lambda one: as_text.get(text_of(one)) or name_of(one)

    def _marked(self, labels: Any) -> list[tuple[str, ...]]:
        """Return the names that each row of a table marks: a frame's columns by their names."""
        table = table_of(labels)
        columns = columns_of(labels, "Labels")
        names = self.names if columns is None else list(map(name_of, columns))
        refuse_twice(names)
        if set(names) != set(self.names):
            raise DataError(
                f"The table of labels has the columns {shown(columns)}; the classes are "
                f"{shown(self.values.tolist())}. Name the columns so, or give an array with the "
                "columns in this order: frame.to_numpy()."
            )
        if table.shape[1] != len(names):
            raise DataError(
                f"The table of labels has {table.shape[1]} columns; the classes are {len(names)}."
            )
        columns_names = np.array(names, dtype=object)
        return [tuple(columns_names[row]) for row in table]


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
    form = form_of(labels)
    if multi_label != "auto" and multi_label != (form is not None):
        wanted = "sets of labels, or a table of zeros and ones," if multi_label else "one label"
        raise DataError(f"multi_label is {multi_label}, so {wanted} a text is needed.")
    if form == TABLE:
        return _of_table(labels)
    values = [one for row in sets_of(labels) for one in row] if form else column_of(labels)
    different = sorted(set(values))
    _check_two(different)
    return Classes(kind_of(values), _array(different), form)


def _of_table(labels: Any) -> Classes:
    """Return a class a column; that of a column without a one stays, as in scikit-learn."""
    table = table_of(labels)
    columns = columns_of(labels, "Labels")
    given = list(range(table.shape[1])) if columns is None else columns
    refuse_twice(given)
    kind = kind_of(given)
    values = list(map(plain_of(kind), given))
    marked = np.count_nonzero(table, axis=0).tolist()
    _check_two([value for value, there in zip(values, marked, strict=True) if there])
    absent = [value for value, there in zip(values, marked, strict=True) if not there]
    if absent:
        warnings.warn(
            f"No text has the label of column {', '.join(map(repr, absent[:10]))}"
            f"{' ...' if len(absent) > 10 else ''}: its probability is 0.",
            stacklevel=5,
        )
    return Classes(kind, _array(values), TABLE, tuple(map(name_of, absent)))


def _check_two(different: list[Any]) -> None:
    if not different:
        raise DataError("No text has a label; a classifier needs two classes.")
    if len(different) == 1:
        only = shown(different[0])
        raise DataError(f"All labels are of one class ({only}); a classifier needs two classes.")


def _array(values: list[Any]) -> NDArray[Any]:
    """Return values as an array that gives them back: numpy cuts zeros off strings, for one."""
    found = np.array(values)
    same = [(type(one), one) for one in found.tolist()] == [(type(one), one) for one in values]
    if same:
        return found
    kept = np.empty(len(values), dtype=object)
    kept[:] = values
    return kept
