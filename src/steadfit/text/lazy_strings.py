"""What a corpus may hold in place of a tuple of strings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TypeVar

Self = TypeVar("Self", bound="LazyStrings")


class LazyStrings(Sequence[str]):
    """A sequence that never changes and makes each string when it is asked for."""

    @abstractmethod
    def select(self: Self, rows: Iterable[int]) -> Self:
        """Return the strings of these rows, in this order, still unmade."""
