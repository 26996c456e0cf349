"""Strings of which few are different, such as labels, held as small numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.text.compact import as_array, compact
from steadfit.text.lazy_strings import LazyStrings

_BLOCK = 1 << 14  # codes made into Python's numbers at a time
_SHOWN = 10


class Coded(LazyStrings):
    """A sequence like a tuple of strings, to which it is equal if the strings are.

    Each different string is held once, and a small number for each place: a byte where the
    different ones are 256 or fewer.

    Args:
        codes: for each place, where its string stands in `names`, `(strings,)`.
        names: the different strings; some may stand at no place.
    """

    def __init__(self, codes: ArrayLike, names: Iterable[str]) -> None:
        self.codes = compact(codes)
        self.names = tuple(names)

    @classmethod
    def of(cls, strings: Iterable[str]) -> Coded:
        """Return these strings, numbered in the order in which they first appear."""
        known: dict[str, int] = {}
        numbers = (known.setdefault(one, len(known)) for one in strings)
        return cls(np.fromiter(numbers, np.uint32), known)

    @property
    def different(self) -> list[str]:
        """The strings that stand anywhere here, each once."""
        there = np.bincount(self.codes, minlength=len(self.names))
        return [self.names[code] for code in np.flatnonzero(there)]

    def rows_of(self, name: str) -> NDArray[np.intp]:
        """Return the places of a string, ascending."""
        code = self.names.index(name) if name in self.names else -1
        return np.flatnonzero(self.codes == code)

    def select(self, rows: Iterable[int]) -> Coded:
        """Return the strings of these rows, in this order."""
        return Coded(self.codes[as_array(rows)], self.names)

    def __len__(self) -> int:
        return len(self.codes)

    def _at(self, place: int) -> str:
        return self.names[self.codes[place]]

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _BLOCK):
            for code in self.codes[begin : begin + _BLOCK].tolist():
                yield self.names[code]

    def __contains__(self, value: object) -> bool:
        return value in self.names and bool((self.codes == self.names.index(value)).any())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Coded) and self.names == other.names:
            return np.array_equal(self.codes, other.codes)
        if not isinstance(other, (Coded, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:_SHOWN]))
        return f"({shown}, ... {len(self):,} in all)" if len(self) > _SHOWN else f"({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Coded, (self.codes, self.names)
