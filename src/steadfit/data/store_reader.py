"""Reading a token store: nothing in its files is believed before it is compared."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import is_sealed, read_json
from steadfit.data.label_sets import LabelSets, bytes_of
from steadfit.data.store_writer import ALWAYS, FILES, FORMAT, PARTS, VERSION, id_dtype

MOST_CHECKED_BYTES = 1 << 32  # of tokens.bin; a second or two

_ADVICE = "Delete the folder and prepare the texts again."
_BLOCK = 1 << 22  # bytes
# numpy's header of a one-dimensional array, as it writes it; so no other parser has to see it.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<i8|\|i1|\|u1)', 'fortran_order': False, "
    rb"'shape': \((\d{1,18}),\), \} *\n",
    re.DOTALL,
)
_HEADER_BYTES = 128


class Contents(NamedTuple):
    """What the files of a store hold; see the attributes of `TokenStore`."""

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64] | LabelSets | None
    split: NDArray[np.int8] | None
    vocab_size: int
    meta: dict[str, Any]


def read_store(folder: Path) -> Contents:
    """Check the files of a store and map its tokens into memory.

    Raises:
        FileFormatError: something is missing, damaged, altered, or of another version.
    """
    head = _head(folder)
    _check_sizes(folder, head["bytes"])
    documents, tokens = head["documents"], head["tokens"]
    dtype = id_dtype(head["vocab_size"])
    offsets = _load(folder, head, "offsets", np.dtype("<i8"), documents + 1)
    labels = _labels(folder, head)
    split = _load(folder, head, "split", np.dtype("|i1"), documents)
    if (
        offsets is None
        or offsets[0] != 0
        or offsets[-1] != tokens
        or (offsets[1:] < offsets[:-1]).any()
    ):
        raise FileFormatError(
            f"{folder / 'offsets.npy'} does not run from 0 up to the {tokens} tokens. {_ADVICE}"
        )
    if head.get("dtype") != dtype.name or head["bytes"]["tokens.bin"] != tokens * dtype.itemsize:
        raise FileFormatError(
            f"{folder / 'tokens.bin'} does not hold {tokens} ids of {dtype.name}. {_ADVICE}"
        )
    if split is not None and split.size and not 0 <= split.min() <= split.max() < len(PARTS):
        raise FileFormatError(f"{folder / 'split.npy'} names an unknown part. {_ADVICE}")
    if tokens * dtype.itemsize <= MOST_CHECKED_BYTES:
        _check_tokens(folder / "tokens.bin", dtype, head)
    mapped = _mapped(folder / "tokens.bin", dtype, tokens)
    return Contents(mapped, offsets, labels, split, head["vocab_size"], head["meta"])


def _head(folder: Path) -> dict[str, Any]:
    path = folder / "meta.json"
    if not path.is_file():
        raise FileFormatError(
            f"{folder} is not a token store: it has no file meta.json. Give the folder that "
            "write_store or prepare_tokens wrote."
        )
    head = read_json(path, _ADVICE)
    if head.get("format") != FORMAT:
        raise FileFormatError(f"{path} does not describe a token store of Steadfit. {_ADVICE}")
    if head.get("version") != VERSION:
        raise FileFormatError(
            f"{path} has format version {head.get('version')!r}; this Steadfit reads version "
            f"{VERSION}. {_ADVICE}"
        )
    counts = [head.get("vocab_size"), head.get("documents"), head.get("tokens")]
    sizes, checksums = head.get("bytes"), head.get("checksums")
    if isinstance(sizes, dict) and isinstance(checksums, dict):
        counts += [*sizes.values(), *checksums.values()]
        # Names are compared, for a path could lead out of the folder.
        named = set(sizes) == set(checksums) and set(ALWAYS) <= set(sizes) <= set(FILES)
    else:
        named = False
    whole = all(type(number) is int and 0 <= number < 2**48 for number in counts)
    if not (whole and named and isinstance(head.get("meta"), dict)):
        raise FileFormatError(f"{path} lacks counts, sizes, checksums or meta. {_ADVICE}")
    if not is_sealed(head):
        raise FileFormatError(f"{path} was altered: its checksum is another. {_ADVICE}")
    return head


def _check_sizes(folder: Path, sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        path = folder / name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise FileFormatError(f"{path} is missing or out of reach. {_ADVICE}") from error
        if found != size or not path.is_file():
            raise FileFormatError(
                f"{path} has {found} bytes instead of {size}: it is damaged. {_ADVICE}"
            )


def _labels(folder: Path, head: dict[str, Any]) -> NDArray[np.int64] | LabelSets | None:
    documents: int = head["documents"]
    classes: Any = head.get("label_classes")
    labels = _load(folder, head, "labels", np.dtype("<i8"), documents)
    if classes is None and "label_sets.npy" not in head["bytes"]:
        return labels
    known = type(classes) is int and 1 <= classes < 2**31
    count = documents * bytes_of(classes) if known else 0
    bits = _load(folder, head, "label_sets", np.dtype("|u1"), count)
    if not known or bits is None or labels is not None:
        raise FileFormatError(f"{folder} does not say which labels documents have. {_ADVICE}")
    try:
        return LabelSets(bits.reshape(documents, bytes_of(classes)), classes)
    except DataError as error:
        raise FileFormatError(f"{folder / 'label_sets.npy'}: {error} {_ADVICE}") from error


def _load(
    folder: Path, head: dict[str, Any], name: str, dtype: np.dtype[Any], count: int
) -> NDArray[Any] | None:
    path = folder / f"{name}.npy"
    if path.name not in head["bytes"]:
        return None
    try:
        data = path.read_bytes()  # as large as the head says
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error}). {_ADVICE}") from error
    header = _HEADER.fullmatch(data[:_HEADER_BYTES])
    expected = (dtype.str.encode(), str(count).encode())
    if (
        header is None
        or header.groups() != expected
        or (len(data) != _HEADER_BYTES + count * dtype.itemsize)
    ):
        raise FileFormatError(
            f"{path} does not hold {count} numbers of the type {dtype.str}. {_ADVICE}"
        )
    if zlib.crc32(data) != head["checksums"][path.name]:
        raise FileFormatError(f"{path} was altered: its checksum is another. {_ADVICE}")
    return np.frombuffer(data, dtype, offset=_HEADER_BYTES).astype(
        dtype.newbyteorder("="), copy=False
    )


def _check_tokens(path: Path, dtype: np.dtype[Any], head: dict[str, Any]) -> None:
    found, largest = 0, 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found = zlib.crc32(block, found)
                if len(block) % dtype.itemsize == 0:
                    largest = max(largest, int(np.frombuffer(block, dtype).max()))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error}). {_ADVICE}") from error
    if found != head["checksums"][path.name]:
        raise FileFormatError(f"{path} was altered: its checksum is another. {_ADVICE}")
    if largest >= head["vocab_size"] and head["tokens"]:
        raise FileFormatError(
            f"{path} holds the id {largest}, but the vocabulary has {head['vocab_size']}. {_ADVICE}"
        )


def _mapped(path: Path, dtype: np.dtype[Any], tokens: int) -> NDArray[Any]:
    if tokens == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    # A plain view: slicing np.memmap itself costs several times as much.
    try:
        return np.memmap(path, dtype, "r", shape=(tokens,)).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path} cannot be read ({error}). {_ADVICE}") from error
