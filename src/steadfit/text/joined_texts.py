"""Texts of several places as one sequence, each left where it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from steadfit.text.compact import as_array
from steadfit.text.lazy_strings import LazyStrings


def joined(*parts: Sequence[str]) -> Sequence[str]:
    """Return the texts of all parts in turn; what is made when asked for stays so."""
    there = [part for part in parts if len(part)]
    if len(there) == 1:
        return there[0]
    if any(isinstance(part, LazyStrings) for part in there):
        return JoinedTexts(there)
    return list(chain(*there))


def picked(texts: Sequence[str], rows: NDArray[np.int64]) -> Sequence[str]:
    """Return the texts of these rows, in this order; what is made when asked for stays so."""
    if isinstance(texts, LazyStrings):
        return texts.select(rows)
    return tuple(texts[row] for row in rows.tolist())


class JoinedTexts(LazyStrings):
    """Some or all texts of several sequences.

    Args:
        parts: the sequences.
        places: which texts, counted through all parts, `(documents,)`; None is all.
    """

    def __init__(
        self, parts: Iterable[Sequence[str]], places: NDArray[np.int64] | None = None
    ) -> None:
        self._parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in self._parts], dtype=np.int64)
        self._places = np.arange(self._ends[-1]) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    def _at(self, place: int) -> str:
        there = int(self._places[place])
        part = int(np.searchsorted(self._ends, there, side="right"))
        return self._parts[part][there - self._begin(part)]

    def __iter__(self) -> Iterator[str]:
        # A part is opened once for all texts that follow each other in it.
        of_parts = np.searchsorted(self._ends, self._places, side="right")
        changes = np.flatnonzero(np.diff(of_parts)) + 1
        for run in np.split(np.arange(len(self)), changes):
            if len(run):
                part = int(of_parts[run[0]])
                yield from picked(self._parts[part], self._places[run] - self._begin(part))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, JoinedTexts)
            and self._parts == other._parts
            and np.array_equal(self._places, other._places)
        )

    def __hash__(self) -> int:
        return hash((len(self._parts), len(self)))

    def __repr__(self) -> str:
        return f"JoinedTexts({len(self)} texts of {len(self._parts)} parts)"

    def select(self, rows: Iterable[int]) -> JoinedTexts:
        """Return the texts of these rows, still unmade."""
        return JoinedTexts(self._parts, self._places[as_array(rows)])

    def _begin(self, part: int) -> int:
        return int(self._ends[part - 1]) if part else 0
