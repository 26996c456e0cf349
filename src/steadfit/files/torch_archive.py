"""Tensors from what `torch.save` wrote, by an allow-list and without unpickling."""

from __future__ import annotations

import mmap
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor

from steadfit.core.errors import FileFormatError
from steadfit.files.plain_pickle import Name, read_plain_pickle

MOST_PICKLE_BYTES = 1 << 24  # a language model's, with the state of its optimizer: 20 kB
MOST_OPERATIONS = 1_000_000
MOST_TENSORS = 10_000
MOST_DIMENSIONS = 8

_DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
# What fastai's optimizers keep their rates in. Nothing of it is looked at.
_UNREAD = (
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "_codecs.encode",
    "fastcore.foundation.L",
)
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # the first two values of the older format
_FAULTS = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # zipfile's for encrypted members; NotImplementedError is one as well
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
)
_PLAIN_NAME = re.compile(r"[^/\\\0]+(/[^/\\\0]+)+")


def read_torch_archive(path: Path) -> dict[str, Any]:
    """Return the dictionary that `torch.save` wrote, zipped (since 1.6) or as before.

    Tensors come as `StoredTensor`, unread: memory is taken for those that are looked at, and for
    no more than the file holds.

    Raises:
        FileFormatError: another kind of file, damage, a name outside the list of what state dicts
            are made of, or something else than a dictionary with strings as keys.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(4)
        found = _read_zipped(path) if begin[:2] == b"PK" else _read_plain(path)
    except _FAULTS as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} is not a whole file of torch.save ({error}).") from error
    if type(found) is not dict or not all(type(key) is str for key in found):
        raise FileFormatError(f"{path} holds something else than a dictionary of tensors.")
    return found


class _Storage(NamedTuple):
    """A run of numbers in the file."""

    dtype: torch.dtype
    key: str
    numbers: int


Read: TypeAlias = Callable[[_Storage], bytes]


class StoredTensor(NamedTuple):
    """A tensor still on disk: where its numbers stand."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    read: Read

    def load(self) -> Tensor:
        """Read the numbers.

        Raises:
            FileFormatError: the file does not hold as many as it says, or the tensor would reach
                beyond them.
        """
        sizes = (self.offset, *self.shape, *self.strides)
        fits = len(self.shape) == len(self.strides) <= MOST_DIMENSIONS
        if not fits or not all(type(n) is int and 0 <= n < 2**48 for n in sizes):
            raise FileFormatError("A tensor has a shape that is none.")
        count = 1
        for size in self.shape:
            count *= size
        last = self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        if count and (count > self.storage.numbers or last >= self.storage.numbers):
            raise FileFormatError(
                f"A tensor of shape {self.shape} is said to lie in {self.storage.numbers} numbers."
            )
        if not count:
            return torch.empty(self.shape, dtype=self.storage.dtype)
        data = self.read(self.storage)
        if len(data) != self.storage.numbers * self.storage.dtype.itemsize:
            raise FileFormatError(
                f"A tensor needs {self.storage.numbers} numbers, and {len(data)} bytes are there."
            )
        flat = torch.frombuffer(bytearray(data), dtype=self.storage.dtype)
        return flat.as_strided(self.shape, self.strides, self.offset).clone()


def _read_zipped(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = _checked(archive, path)
        pickles = [name for name in members if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(pickles) != 1 or any(name.endswith("/constants.pkl") for name in members):
            raise FileFormatError(f"{path} is a zip file, and not one of torch.save.")
        prefix = pickles[0].removesuffix("data.pkl")
        order = members.get(f"{prefix}byteorder")
        if order is not None and (order.file_size != 6 or archive.read(order) != b"little"):
            raise FileFormatError(f"{path} was written by a machine of another byte order.")
        if members[pickles[0]].file_size > MOST_PICKLE_BYTES:
            raise FileFormatError(f"{path}: its data.pkl is larger than any of a language model.")
        content = BytesIO(archive.read(members[pickles[0]]))

    def read(storage: _Storage) -> bytes:
        member = members.get(f"{prefix}data/{storage.key}")
        if member is None:
            raise FileFormatError(f"{path} lacks the numbers {storage.key[:40]!r}.")
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(member)
        except _FAULTS as error:
            raise FileFormatError(f"{path} is damaged ({error}).") from error

    return _read_pickle(content, path, read)


def _checked(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, once no name, size or kind among them can do harm."""
    members = archive.infolist()
    names = Counter(member.filename for member in members)
    twice = [name for name, times in names.items() if times > 1]
    strange = [
        name
        for name in names
        if not _PLAIN_NAME.fullmatch(name) or {".", ".."} & set(name.split("/")) or ":" in name
    ]
    if twice or strange:
        shown = repr((twice or strange)[0][:100])
        raise FileFormatError(f"{path} holds a file named {shown}{' twice' * bool(twice)}.")
    # torch.save compresses nothing: so nothing can be larger than the file that holds it.
    packed = any(
        member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size
        for member in members
    )
    if packed or sum(member.file_size for member in members) > path.stat().st_size:
        raise FileFormatError(f"{path} holds files that are compressed or overlap.")
    return {member.filename: member for member in members}


def _read_plain(path: Path) -> Any:
    """Read the format before torch 1.6: values one after another, then the numbers."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        data = cast(Any, mapped)  # a file to whoever reads
        place = str(path)
        if mapped[:1] != b"\x80" or read_plain_pickle(data, place, most_operations=9) != _MAGIC:
            raise FileFormatError(f"{path} is not a file of torch.save.")
        protocol = read_plain_pickle(data, place, most_operations=9)
        system = read_plain_pickle(data, place, most_operations=99)
        if (
            protocol != _PROTOCOL
            or type(system) is not dict
            or system.get("little_endian") is not True
        ):
            raise FileFormatError(f"{path} is of another format, or of another byte order.")
        places: dict[str, tuple[int, int]] = {}  # first byte and numbers of each storage
        used: dict[str, _Storage] = {}

        def read(storage: _Storage) -> bytes:
            first, count = places.get(storage.key, (0, -1))
            if count != storage.numbers:
                raise FileFormatError(f"{path} lacks the numbers {storage.key[:40]!r}.")
            with path.open("rb") as file:
                file.seek(first)
                return file.read(count * storage.dtype.itemsize)

        found = _read_pickle(data, path, read, used)
        keys = read_plain_pickle(data, place, most_operations=MOST_OPERATIONS)
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise FileFormatError(f"{path} does not say in which order its numbers stand.")
        here = data.tell()
        for key in keys:
            if key not in used or key in places or here + 8 > len(mapped):
                raise FileFormatError(f"{path} is cut short, or its numbers have strange names.")
            (count,) = struct.unpack_from("<q", mapped, here)
            end = here + 8 + count * used[key].dtype.itemsize
            if count < 0 or end > len(mapped):
                raise FileFormatError(f"{path} is cut short.")
            places[key] = here + 8, count
            here = end
        return found


def _read_pickle(
    content: Any,
    path: Path,
    read: Read,
    used: dict[str, _Storage] | None = None,
) -> Any:
    tensors = 0
    left = 3 * path.stat().st_size  # bytes: a tied embedding is read twice, and its copy

    def read_within(storage: _Storage) -> bytes:
        nonlocal left
        left -= storage.numbers * storage.dtype.itemsize
        if left < 0:
            raise FileFormatError(f"{path}: its tensors are larger than the file.")
        return read(storage)

    def tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
        nonlocal tensors
        tensors += 1
        if not isinstance(storage, _Storage) or type(shape) is not tuple or tensors > MOST_TENSORS:
            raise FileFormatError(f"{path} holds a tensor that is none, or too many.")
        if type(strides) is not tuple:
            raise FileFormatError(f"{path} holds a tensor that is none.")
        return StoredTensor(storage, offset, shape, strides, read_within)

    def parameter(data: Any, *_: Any) -> StoredTensor:
        if not isinstance(data, StoredTensor):
            raise FileFormatError(f"{path} holds a parameter without a tensor.")
        return data

    def empty() -> dict[Any, Any]:
        return {}

    def unread(*_: Any) -> dict[Any, Any]:
        return {}

    def storage(identifier: Any) -> _Storage:
        match identifier:
            case ("storage", Name(kind), str(key), str(), int(count)):
                pass
            case ("storage", Name(kind), str(key), str(), int(count), None):
                pass
            case _:
                raise FileFormatError(f"{path} refers to something else than numbers.")
        if kind not in _DTYPES or count < 0:
            raise FileFormatError(f"{path} refers to something else than numbers.")
        found = _Storage(_DTYPES[kind], key, count)
        if used is not None and used.setdefault(key, found) != found:
            raise FileFormatError(f"{path} gives the numbers {key[:40]!r} two sizes.")
        return found

    makers: dict[str, Any] = {
        **dict.fromkeys(_DTYPES),
        **dict.fromkeys(_UNREAD, unread),
        "collections.OrderedDict": empty,
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": parameter,
    }
    return read_plain_pickle(content, str(path), makers, storage, MOST_OPERATIONS)
