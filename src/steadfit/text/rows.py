"""Rows of a corpus by number: checked, and ordered by what stands in them."""

from __future__ import annotations

import hashlib
import operator
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError


def checked_rows(rows: Iterable[int], count: int) -> NDArray[np.int64]:
    """Return rows as an array, `(rows,)`.

    Raises:
        DataError: one is no whole number, is none of `count` rows, or is named twice.
    """
    try:
        if isinstance(rows, np.ndarray) and rows.ndim == 1 and rows.dtype.kind in "iu":
            numbers = rows.astype(np.int64)
        else:
            numbers = np.fromiter(map(operator.index, rows), np.int64)
    except TypeError as error:
        raise DataError(f"rows must be whole numbers: {error}") from error
    except OverflowError as error:
        raise DataError(f"a row is not there; rows go from 0 to {count - 1}") from error
    if (outside := (numbers < 0) | (numbers >= count)).any():
        row = numbers[outside.argmax()]
        raise DataError(f"row {row} is not there; rows go from 0 to {count - 1}")
    named = np.zeros(count, bool)
    named[numbers] = True
    if np.count_nonzero(named) < len(numbers):
        row, times = Counter(numbers.tolist()).most_common(1)[0]
        raise DataError(f"row {row} is named {times} times; each may be named once")
    return numbers


def digest_order(texts: Iterable[str]) -> NDArray[np.intp]:
    """Return where the texts stand when they are ordered by their SHA-256, 40 bytes a text."""
    return np.lexsort(_digests(texts).T[::-1])


def first_of_each(texts: Iterable[str]) -> NDArray[np.intp]:
    """Return, ascending, the place of the first of all equal texts; it holds a digest of each."""
    digests = _digests(texts)
    order = np.lexsort(digests.T)  # equal ones stay in their order
    first = np.zeros(len(order), bool)
    first[:1] = True
    for column in digests.T:
        ordered = column[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return np.sort(order[first])


def _digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    digests = bytearray()
    for text in texts:
        digests += hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return np.frombuffer(digests, ">u8").reshape(-1, 4)
