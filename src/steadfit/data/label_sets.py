"""The classes of documents that may have several, or none: a bit for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.errors import DataError

_BLOCK = 1 << 14  # documents unpacked at a time


class LabelSets:
    """Which of some classes each document has.

    `labels[rows]` are those of some documents, (rows, classes) float32 of zeros and ones: what a
    binary cross-entropy takes.

    Args:
        bits: (documents, bytes); class i is bit `i % 8` of byte `i // 8`, bits beyond the last
            class are zero.
        classes: how many there are.

    Raises:
        DataError: as many bytes as the classes need are not there, or another bit is set.
    """

    def __init__(self, bits: NDArray[np.uint8], classes: int) -> None:
        if bits.ndim != 2 or bits.shape[1] != bytes_of(classes):
            raise DataError(
                f"The bits of {classes} classes are {bits.shape}; accepted are "
                f"(documents, {bytes_of(classes)})."
            )
        if classes % 8 and bits.size and (bits[:, -1] >> (classes % 8)).any():
            raise DataError(f"A document has a class beyond the {classes} there are.")
        self.bits = bits
        self.classes = classes

    @classmethod
    def of(cls, sets: Sequence[Iterable[int]], classes: int) -> LabelSets:
        """Pack the class indices of each document, all below `classes`."""
        bits = np.zeros((len(sets), bytes_of(classes)), np.uint8)
        for row, places in enumerate(sets):
            for place in places:
                bits[row, place >> 3] |= 1 << (place & 7)
        return cls(bits, classes)

    @classmethod
    def of_table(cls, table: ArrayLike) -> LabelSets:
        """Pack a table of zeros and ones, or of truth values, (documents, classes).

        Raises:
            DataError: it is something else.
        """
        given = np.asarray(table)
        whole = given.ndim == 2 and given.shape[1] and given.dtype.kind in "biu"
        if not whole or not np.isin(given, (0, 1)).all():
            raise DataError(
                "Labels of documents that may have several classes are a table (documents, "
                f"classes) of zeros and ones; given: {given.dtype} of shape {given.shape}."
            )
        packed = np.packbits(given.astype(bool), axis=1, bitorder="little")
        return cls(packed, given.shape[1])

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        return self._unpacked(self.bits[rows]).astype(np.float32)

    def counts(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Return how many of these documents have each class (classes,)."""
        found = np.zeros(self.classes, np.int64)
        for begin in range(0, len(rows), _BLOCK):
            found += self._unpacked(self.bits[rows[begin : begin + _BLOCK]]).sum(0, np.int64)
        return found

    def _unpacked(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.unpackbits(bits, axis=-1, count=self.classes, bitorder="little")


def bytes_of(classes: int) -> int:
    """Return the bytes in which a document's classes are kept."""
    return -(-classes // 8)
