"""Token ids of many documents in one memory-mapped folder."""

from __future__ import annotations

import mmap
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.atomic import atomic_folder
from steadfit.core.errors import DataError, FileFormatError
from steadfit.data.label_sets import LabelSets
from steadfit.data.store_reader import read_store
from steadfit.data.store_writer import PARTS, StoreWriter
from steadfit.text.compact import compact

_BLOCK = 1 << 20  # ids looked at together
_COUNTED = 1_000  # documents at a time


class TokenStore:
    """Documents as token ids, read from disk when they are looked at.

    `store[i]` is document i: a read-only array of shape (time,), uint16 or uint32.

    Attributes:
        folder: Where the store lies.
        tokens: All ids, document after document (tokens,), mapped from the file.
        offsets: Where each document begins, and where the last one ends (documents + 1,), in the
            smallest unsigned type.
        labels: Class index of each document (documents,), or None; `LabelSets` where a document
            may have several classes, or none. `labels[rows]` are those of some documents.
        split: Place of each document's part in `PARTS` (documents,), or None.
        vocab_size: Every id is below it.
        meta: What the writer wished to keep.
    """

    def __init__(
        self,
        folder: Path,
        tokens: NDArray[Any],
        offsets: NDArray[Any],
        labels: NDArray[np.int64] | LabelSets | None,
        split: NDArray[np.int8] | None,
        vocab_size: int,
        meta: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.tokens = tokens
        self.offsets = compact(offsets)
        self.labels = labels
        self.split = split
        self.vocab_size = vocab_size
        self.meta = meta

    @classmethod
    def open(cls, folder: str | Path) -> TokenStore:
        """Open a store for reading, after it was compared with what was written.

        Sizes, versions and the checksums of all files are right then, and every id is below
        `vocab_size`. Only a `tokens.bin` of more than 4 GiB is not read for that; its ids are
        compared with `vocab_size` as batches are made. Checksums tell damage, not an intruder:
        who can write the files can write the checksums, and gets other numbers in, but no code.
        The files must not change while the store is open.

        Raises:
            FileFormatError: The folder is missing or is not a whole store of this version.
        """
        return cls(Path(folder), *read_store(Path(folder)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        place = operator.index(row)
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"document {row} of a store of {len(self)} documents")
        return self.tokens[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document (documents,), calculated when it is asked for."""
        return np.diff(self.offsets).astype(np.int64)

    def lengths_of(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Return the tokens of each of these documents (rows,)."""
        return (self.offsets[1:][rows] - self.offsets[rows]).astype(np.int64)

    def checked(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Return `ids`, read from `tokens`, if all are of the vocabulary.

        Raises:
            FileFormatError: One is not, and would be no row of an embedding.
        """
        if ids.size and ids.max() >= self.vocab_size:
            raise FileFormatError(
                f"{self.folder / 'tokens.bin'} holds the id {ids.max()}, but the vocabulary has "
                f"{self.vocab_size}. Delete the folder and prepare the texts again."
            )
        return ids

    @property
    def multi_label(self) -> bool:
        """Whether a document may have several classes."""
        return isinstance(self.labels, LabelSets)

    def class_counts(self, rows: NDArray[Any], classes: int) -> NDArray[np.int64]:
        """Return how many of these documents have each of the classes (classes,).

        Raises:
            DataError: there are no labels.
        """
        if self.labels is None:
            raise DataError("These documents have no labels to count; prepare them with labels.")
        if isinstance(self.labels, LabelSets):
            return self.labels.counts(rows)
        return np.bincount(self.labels[rows], minlength=classes).astype(np.int64, copy=False)

    def token_counts(self, rows: NDArray[Any], tokens: int) -> NDArray[np.int64]:
        """Return how often each of so many tokens stands in some documents, `(tokens,)`."""
        found = np.zeros(tokens, np.int64)
        for first in range(0, len(rows), _COUNTED):
            ids = np.concatenate([self[row] for row in rows[first : first + _COUNTED].tolist()])
            found += np.bincount(ids, minlength=tokens)
        return found

    def let_go(self) -> None:
        """Give back the memory of what was read so far; it is read again when it is looked at.

        The system would do so itself when memory runs short, but until then a pass over the store
        would count as much as the whole file.
        """
        base: Any = self.tokens
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Return the rows of "train", "valid" or "test", ascending.

        Without a split every document belongs to "train".
        """
        if part not in PARTS:
            raise DataError(f"There is no part {part!r}: choose one of {', '.join(PARTS)}.")
        if self.split is None:
            return np.arange(len(self) if part == "train" else 0, dtype=np.int64)
        return np.flatnonzero(self.split == PARTS.index(part)).astype(np.int64, copy=False)


def write_store(
    folder: str | Path,
    ids: Iterable[Sequence[int] | NDArray[Any]],
    labels: ArrayLike | LabelSets | None = None,
    meta: Mapping[str, Any] | None = None,
    *,
    vocab_size: int,
    split: Sequence[str] | None = None,
) -> TokenStore:
    """Write documents of token ids as a folder that appears whole or not at all.

    Memory does not grow with the number of tokens: `ids` may be a generator. `labels` are a class
    index for each document, or, where one may have several classes, a table (documents, classes)
    of zeros and ones or `LabelSets`.

    Raises:
        DataError: An id outside the vocabulary, or labels or split of another length.
    """
    with atomic_folder(folder) as fresh, StoreWriter(fresh, vocab_size) as writer:
        for document in ids:
            writer.add(document)
        writer.finish(labels, split, meta)
    return TokenStore.open(folder)


def checked_rows(store: TokenStore, rows: ArrayLike) -> NDArray[Any]:
    """Return `rows` in the smallest type that holds them (documents,).

    Raises:
        DataError: No rows, or one that is not in the store.
    """
    given = np.asarray(rows)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise DataError(
            f"Rows must be a list of whole numbers; given: {given.dtype} of shape {given.shape}."
        )
    if given.size == 0:
        raise DataError("No rows: there is no document to make batches of.")
    if given.min() < 0 or given.max() >= len(store):
        raise DataError(
            f"Rows from {given.min()} to {given.max()} were given, but the store has "
            f"{len(store)} documents: rows run from 0 to {len(store) - 1}."
        )
    return compact(given)


def described(store: TokenStore, rows: NDArray[Any]) -> dict[str, Any]:
    """Return which documents of which store these are, as plain JSON values."""
    digest = blake2b(digest_size=16)
    _update(digest, rows)
    return {"store": store.meta.get("key") or _content(store), "rows": digest.hexdigest()}


def _content(store: TokenStore) -> str:
    digest = blake2b(digest_size=16)
    _update(digest, store.offsets)
    if store.labels is not None:
        labels = store.labels
        digest.update((labels.bits if isinstance(labels, LabelSets) else labels).tobytes())
    for begin in range(0, len(store.tokens), _BLOCK):
        digest.update(store.tokens[begin : begin + _BLOCK].tobytes())
    return digest.hexdigest()


def _update(digest: blake2b, numbers: NDArray[Any]) -> None:
    # As int64, so that a digest does not depend on the type in which numbers are held.
    for begin in range(0, len(numbers), _BLOCK):
        digest.update(numbers[begin : begin + _BLOCK].astype(np.int64).tobytes())
