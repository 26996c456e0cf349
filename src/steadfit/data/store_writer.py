"""Writing a token store: ids by the block, then all that is known about the documents."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.atomic import write_json
from steadfit.core.errors import DataError
from steadfit.core.json_files import sealed
from steadfit.data.label_sets import LabelSets
from steadfit.text.compact import Gathered

FORMAT = "steadfit-token-store"
VERSION = 2  # 1 had no checksums
FILES = ("tokens.bin", "offsets.npy", "labels.npy", "split.npy", "label_sets.npy")
ALWAYS = FILES[:2]
PARTS = ("train", "valid", "test")  # a document's code in split.npy is its place here

_BLOCK = 1 << 18  # ids held before they are written
_BLOCK_DOCUMENTS = 1 << 14  # an array each, so short documents are held in smaller number


class StoreWriter:
    """Writes a store into an existing folder, document by document.

    The folder is a store only after `finish`; give it a place with `atomic_folder`.
    """

    def __init__(self, folder: Path, vocab_size: int) -> None:
        if vocab_size < 1:
            raise DataError(f"The vocabulary size is {vocab_size}; it must be 1 or more.")
        self._folder = folder
        self._vocab_size = vocab_size
        self._dtype = id_dtype(vocab_size)
        self._checksums = {"tokens.bin": 0}
        self._file = (folder / "tokens.bin").open("wb")
        self._waiting: list[NDArray[np.int64]] = []
        self._waiting_tokens = 0
        self._lengths = Gathered()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, ids: Sequence[int] | NDArray[Any]) -> None:
        """Append one document."""
        document = np.asarray(ids)
        if document.ndim != 1 or (document.size and document.dtype.kind not in "iu"):
            raise DataError(
                f"Document {len(self._lengths)} is not a list of token ids: {document.dtype} of "
                f"shape {document.shape}."
            )
        self._waiting.append(document.astype(np.int64))
        self._waiting_tokens += len(document)
        self._lengths.append(len(document))
        if self._waiting_tokens >= _BLOCK or len(self._waiting) >= _BLOCK_DOCUMENTS:
            self._write()

    def finish(
        self,
        labels: ArrayLike | LabelSets | None = None,
        split: Sequence[str] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the last ids, the offsets and everything about the documents.

        Labels are as `write_store` takes them.
        """
        self._write()
        self._file.close()
        documents = len(self._lengths)
        offsets = np.zeros(documents + 1, np.int64)
        np.cumsum(self._lengths.numbers(), out=offsets[1:])
        self._save("offsets", offsets, "<i8")
        checked = None if labels is None else _checked_labels(labels, documents)
        if isinstance(checked, LabelSets):
            self._save("label_sets", np.ascontiguousarray(checked.bits).reshape(-1), "|u1")
        elif checked is not None:
            self._save("labels", checked, "<i8")
        if split is not None:
            self._save("split", _split_codes(split, documents), "|i1")
        head = {
            "format": FORMAT,
            "version": VERSION,
            "vocab_size": self._vocab_size,
            "documents": documents,
            "tokens": int(offsets[-1]),
            "dtype": self._dtype.name,
            "bytes": {name: (self._folder / name).stat().st_size for name in self._checksums},
            "checksums": self._checksums,
            "meta": dict(meta or {}),
        }
        if isinstance(checked, LabelSets):
            head["label_classes"] = checked.classes
        write_json(self._folder / "meta.json", sealed(head))

    def _write(self) -> None:
        if not self._waiting:
            return
        block = np.concatenate(self._waiting)
        self._waiting, self._waiting_tokens = [], 0
        if block.size and (block.min() < 0 or block.max() >= self._vocab_size):
            raise DataError(
                f"Token ids from {block.min()} to {block.max()} were given, but the vocabulary "
                f"has {self._vocab_size} tokens: encode the texts with the vocabulary named here."
            )
        ids = block.astype(self._dtype).data
        self._file.write(ids)  # unlike tofile it tells why the system refuses to write
        self._file.flush()
        self._checksums["tokens.bin"] = zlib.crc32(ids, self._checksums["tokens.bin"])

    def _save(self, name: str, values: NDArray[Any], dtype: str) -> None:
        path = self._folder / f"{name}.npy"
        numbers = values.astype(dtype, copy=False)
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, np.lib.format.header_data_from_array_1_0(numbers)
        )
        with path.open("wb") as file:
            file.write(head.getvalue())
            file.write(numbers.data)  # as above: np.save uses tofile for a file
        self._checksums[path.name] = zlib.crc32(numbers.data, zlib.crc32(head.getvalue()))


def id_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the smallest type of the format that holds every id of a vocabulary."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def _checked_labels(labels: ArrayLike | LabelSets, documents: int) -> NDArray[np.int64] | LabelSets:
    if not isinstance(labels, LabelSets) and np.ndim(labels) == 2:
        labels = LabelSets.of_table(labels)
    if isinstance(labels, LabelSets):
        if len(labels) != documents:
            raise DataError(
                f"Labels were given for {len(labels)} documents, but there are {documents}."
            )
        return labels
    given = np.asarray(labels)
    if given.shape != (documents,) or (given.size and given.dtype.kind not in "iu"):
        raise DataError(
            f"Labels must be one class index for each of the {documents} documents; given: "
            f"{given.dtype} of shape {given.shape}."
        )
    return given.astype(np.int64, copy=False)


def _split_codes(split: Sequence[str], documents: int) -> NDArray[np.int8]:
    if len(split) != documents:
        raise DataError(f"The split names {len(split)} documents, but there are {documents}.")
    if strange := set(split) - set(PARTS):
        raise DataError(f"Parts of a split are {', '.join(PARTS)}; given: {sorted(strange)}.")
    return np.fromiter(map(PARTS.index, split), np.int8, documents)
