"""What the columns of a corpus are kept as."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from steadfit.core.errors import DataError
from steadfit.text.coded import Coded
from steadfit.text.lazy_strings import LazyStrings
from steadfit.text.values import is_set_of_labels, names_of

Labels = Coded | tuple[tuple[str, ...], ...]


def strings(column: str, values: Sequence[str]) -> Sequence[str]:
    """Return a column of strings, those that are made when asked for as they are."""
    return values if isinstance(values, LazyStrings) else tuple(_checked(column, values))


def coded(column: str, values: Iterable[str]) -> Coded:
    """Return a column of strings of which few are different."""
    return values if isinstance(values, Coded) else Coded.of(_checked(column, values))


def labels(values: Iterable[Any]) -> Labels:
    """Return one label a document, or the labels of each where the first has a list or set.

    Sets of labels become tuples, sorted, each different one held once.

    Raises:
        DataError: some documents have a label and others a set, or a label is no string.
    """
    if isinstance(values, Coded):
        return values
    iterator = iter(values)
    first = list(islice(iterator, 1))
    if not first or not is_set_of_labels(first[0]):
        return coded("labels", chain(first, iterator))
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    sets = (_label_set(row, one) for row, one in enumerate(chain(first, iterator)))
    return tuple(known.setdefault(one, one) for one in sets)


def different(column: Sequence[Any]) -> list[str]:
    """Return the labels that stand anywhere in a column, each once."""
    if isinstance(column, Coded):
        return column.different
    return sorted({name for one in set(column) for name in names_of(one)})


def _label_set(row: int, values: Any) -> tuple[str, ...]:
    if not is_set_of_labels(values):
        raise DataError(
            f"labels[{row}] is {values!r}; lists or sets of strings are accepted, since the first "
            "document has one"
        )
    names: Collection[Any] = values
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"labels[{row}] holds {name!r}; strings are accepted")
    return tuple(sorted(set(names)))


def _checked(column: str, values: Iterable[str]) -> Iterator[str]:
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(f"{column}[{row}] is {value!r}; strings are accepted")
        yield value
