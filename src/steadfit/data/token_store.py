"""Token ids of many documents in one memory-mapped folder."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.atomic import atomic_folder
from steadfit.core.errors import DataError, FileFormatError
from steadfit.data.store_writer import FORMAT, PARTS, VERSION, StoreWriter, id_dtype

_ADVICE = "Delete the folder and prepare the texts again."


class TokenStore:
    """Documents as token ids, read from disk when they are looked at.

    `store[i]` is document i: a read-only array of shape (time,), uint16 or uint32.

    Attributes:
        folder: Where the store lies.
        tokens: All ids, document after document (tokens,), mapped from the file.
        offsets: Where each document begins, and where the last one ends (documents + 1,).
        lengths: Tokens of each document (documents,).
        labels: Class index of each document (documents,), or None.
        split: Place of each document's part in `PARTS` (documents,), or None.
        vocab_size: Every id is below it.
        meta: What the writer wished to keep.
    """

    def __init__(
        self,
        folder: Path,
        tokens: NDArray[Any],
        offsets: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        split: NDArray[np.int8] | None,
        vocab_size: int,
        meta: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.tokens = tokens
        self.offsets = offsets
        self.lengths: NDArray[np.int64] = np.diff(offsets)
        self.labels = labels
        self.split = split
        self.vocab_size = vocab_size
        self.meta = meta

    @classmethod
    def open(cls, folder: str | Path) -> TokenStore:
        """Open a store for reading, after its sizes and versions are found right.

        Raises:
            FileFormatError: The folder is missing or is not a whole store of this version.
        """
        return _open(cls, Path(folder))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> NDArray[Any]:
        place = operator.index(row)
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"document {row} of a store of {len(self)} documents")
        return self.tokens[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    def rows(self, part: str) -> NDArray[np.int64]:
        """Return the rows of "train", "valid" or "test", ascending.

        Without a split every document belongs to "train".
        """
        if part not in PARTS:
            raise DataError(f"There is no part {part!r}: choose one of {', '.join(PARTS)}.")
        if self.split is None:
            return np.arange(len(self) if part == "train" else 0, dtype=np.int64)
        return np.flatnonzero(self.split == PARTS.index(part)).astype(np.int64)


def write_store(
    folder: str | Path,
    ids: Iterable[Sequence[int] | NDArray[Any]],
    labels: ArrayLike | None = None,
    meta: Mapping[str, Any] | None = None,
    *,
    vocab_size: int,
    split: Sequence[str] | None = None,
) -> TokenStore:
    """Write documents of token ids as a folder that appears whole or not at all.

    Memory does not grow with the number of tokens: `ids` may be a generator.

    Raises:
        DataError: An id outside the vocabulary, or labels or split of another length.
    """
    with atomic_folder(folder) as fresh, StoreWriter(fresh, vocab_size) as writer:
        for document in ids:
            writer.add(document)
        writer.finish(labels, split, meta)
    return TokenStore.open(folder)


def checked_rows(store: TokenStore, rows: ArrayLike) -> NDArray[np.int64]:
    """Return `rows` as int64 (documents,), or raise DataError where one is not in the store."""
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
    return given.astype(np.int64)


def described(store: TokenStore, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return which documents of which store these are, as plain JSON values."""
    return {
        "store": store.meta.get("key", [len(store), int(store.lengths.sum())]),
        "rows": blake2b(rows.tobytes(), digest_size=16).hexdigest(),
    }


def _open(kind: type[TokenStore], folder: Path) -> TokenStore:
    head = _head(folder)
    for name, size in head["bytes"].items():
        path = folder / name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise FileFormatError(f"{path} is missing or out of reach. {_ADVICE}") from error
        if found != size:
            raise FileFormatError(
                f"{path} has {found} bytes instead of {size}: it is damaged. {_ADVICE}"
            )
    documents, tokens = head["documents"], head["tokens"]
    dtype = id_dtype(head["vocab_size"])
    offsets = _load(folder, head, "offsets", np.dtype("<i8"), documents + 1)
    labels = _load(folder, head, "labels", np.dtype("<i8"), documents)
    split = _load(folder, head, "split", np.dtype("|i1"), documents)
    if offsets is None or offsets[0] != 0 or offsets[-1] != tokens or (np.diff(offsets) < 0).any():
        raise FileFormatError(
            f"{folder / 'offsets.npy'} does not run from 0 up to the {tokens} tokens. {_ADVICE}"
        )
    if head["dtype"] != dtype.name or head["bytes"].get("tokens.bin") != tokens * dtype.itemsize:
        raise FileFormatError(
            f"{folder / 'tokens.bin'} does not hold {tokens} ids of {dtype.name}. {_ADVICE}"
        )
    if split is not None and split.size and not 0 <= split.min() <= split.max() < len(PARTS):
        raise FileFormatError(f"{folder / 'split.npy'} names an unknown part. {_ADVICE}")
    return kind(
        folder,
        _mapped(folder / "tokens.bin", dtype, tokens),
        offsets,
        labels,
        split,
        head["vocab_size"],
        head["meta"],
    )


def _head(folder: Path) -> dict[str, Any]:
    path = folder / "meta.json"
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(
            f"{folder} is not a token store: meta.json cannot be read ({error.strerror}). "
            "Give the folder that write_store or prepare_tokens wrote."
        ) from error
    except ValueError as error:
        raise FileFormatError(f"{path} is not JSON ({error}). {_ADVICE}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise FileFormatError(f"{path} does not describe a token store of Steadfit. {_ADVICE}")
    if head.get("version") != VERSION:
        raise FileFormatError(
            f"{path} has format version {head.get('version')!r}; this Steadfit reads version "
            f"{VERSION}. {_ADVICE}"
        )
    numbers = (head.get("vocab_size"), head.get("documents"), head.get("tokens"))
    whole = all(type(number) is int and number >= 0 for number in numbers)
    if not (whole and isinstance(head.get("bytes"), dict) and isinstance(head.get("meta"), dict)):
        raise FileFormatError(f"{path} lacks counts, sizes or meta. {_ADVICE}")
    return head


def _load(
    folder: Path, head: dict[str, Any], name: str, dtype: np.dtype[Any], count: int
) -> NDArray[Any] | None:
    path = folder / f"{name}.npy"
    if path.name not in head["bytes"]:
        return None
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(f"{path} cannot be read ({error}). {_ADVICE}") from error
    if values.dtype != dtype or values.shape != (count,):
        raise FileFormatError(
            f"{path} holds {values.dtype} of shape {values.shape}; {dtype} of shape ({count},) "
            f"is needed. {_ADVICE}"
        )
    return np.asarray(values, dtype.newbyteorder("="))


def _mapped(path: Path, dtype: np.dtype[Any], tokens: int) -> NDArray[Any]:
    if tokens == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    # A plain view: slicing np.memmap itself costs several times as much.
    try:
        return np.memmap(path, dtype, "r", shape=(tokens,)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path} cannot be read ({error}). {_ADVICE}") from error
