"""Whole numbers in as little memory as they need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def compact(numbers: ArrayLike) -> NDArray[Any]:
    """Return numbers of at least 0 as a read-only array of the smallest unsigned type.

    The sum of two may not fit into that type: widen them before calculating.
    """
    given = np.asarray(numbers)
    largest = int(given.max()) if given.size else 0
    small = given.astype(np.min_scalar_type(largest))
    small.flags.writeable = False
    return small


def as_array(rows: Iterable[int]) -> NDArray[Any]:
    """Return whole numbers as an array; one is returned as it is."""
    return rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64)
