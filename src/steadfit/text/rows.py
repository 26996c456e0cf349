"""Rows of a corpus by number: checked, and ordered by what stands in them."""

from __future__ import annotations

import hashlib
import operator
import struct
from collections import Counter
from collections.abc import Iterable, Sequence

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


def digest_order(names: Sequence[object], seed: int) -> NDArray[np.intp]:
    """Return where names stand when they are ordered by the SHA-256 of seed and name.

    Equal names stay in their order. Two numbers a name are held.
    """
    first = _digests((f"{seed}:{name}" for name in names), len(names), 1)[:, 0]
    order = np.argsort(first, kind="stable")
    ordered = first[order]
    if (ordered[1:] == ordered[:-1]).any():
        return np.lexsort(_digests((f"{seed}:{name}" for name in names), len(names), 4).T[::-1])
    return order


def first_of_each(texts: Sequence[str]) -> NDArray[np.intp]:
    """Return, ascending, the place of the first of all equal texts; it holds a digest of each."""
    digests = _digests(texts, len(texts), 4)
    order = np.lexsort(digests.T)  # equal ones stay in their order
    first = np.zeros(len(order), bool)
    first[:1] = True
    for column in digests.T:
        ordered = column[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return np.sort(order[first])


def _digests(texts: Iterable[str], count: int, words: int) -> NDArray[np.uint64]:
    """Return the first words, of 8 bytes, of the digest of each text, `(count, words)`."""
    digests = np.empty((count, words), np.uint64)
    for place, text in enumerate(texts):
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        digests[place] = struct.unpack(">4Q", digest)[:words]
    return digests
