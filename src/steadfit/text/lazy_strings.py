"""What a corpus may hold in place of a tuple of strings."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TypeVar, overload

import numpy as np

Self = TypeVar("Self", bound="LazyStrings")


class LazyStrings(Sequence[str]):
    """A sequence that never changes and makes each string when it is asked for."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self: Self, index: slice) -> Self: ...
    def __getitem__(self: Self, index: int | slice) -> str | Self:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        return self._at(range(len(self))[operator.index(index)])

    @abstractmethod
    def select(self: Self, rows: Iterable[int]) -> Self:
        """Return the strings of these rows, in this order, still unmade."""

    @abstractmethod
    def _at(self, place: int) -> str:
        """Return the string of a place from 0 on, which is there."""
