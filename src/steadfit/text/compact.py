"""Whole numbers in as little memory as they need."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_PART = 1 << 14  # numbers held as they come


def compact(numbers: ArrayLike) -> NDArray[Any]:
    """Return numbers of at least 0 as a read-only array of the smallest unsigned type.

    The sum of two may not fit into that type: widen them before calculating. What is such an array
    already is not copied.
    """
    given = np.asarray(numbers)
    largest = int(given.max()) if given.size else 0
    kind = np.min_scalar_type(largest)
    if given.dtype == kind and given.flags.owndata and not given.flags.writeable:
        return given
    small = given.astype(kind)
    small.flags.writeable = False
    return small


class Gathered:
    """Whole numbers of at least 0 that come one by one, held in few bytes from early on."""

    def __init__(self) -> None:
        self._last = array("q")
        self._parts: list[NDArray[Any]] = []

    def append(self, number: int) -> None:
        """Take in one more."""
        self._last.append(number)
        if len(self._last) == _PART:
            self._parts.append(compact(self._last))
            del self._last[:]

    def __len__(self) -> int:
        return len(self._parts) * _PART + len(self._last)

    def numbers(self) -> NDArray[Any]:
        """Return them all, compact."""
        joined = np.concatenate([*self._parts, compact(self._last)])
        joined.flags.writeable = False  # of the smallest type, for a part is
        return joined


def as_array(rows: Iterable[int]) -> NDArray[Any]:
    """Return whole numbers as an array; one is returned as it is."""
    return rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64)
