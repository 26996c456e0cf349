"""Archives unpacked member by member: nothing leaves the folder, nothing grows past its limits."""

from __future__ import annotations

import errno
import gzip
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from steadfit.core.errors import DataError
from steadfit.core.progress import progress

_CHUNK = 1 << 20
_HEADER = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most: `members`, `size` when unpacked, and `ratio` of growth.

    `size` is in bytes, with the headers between the members; an archive of less than 1 MiB may
    grow to `ratio` MiB.
    """

    members: int
    size: int
    ratio: float = 20.0

    def total(self, packed: int) -> int:
        """Return how many bytes an archive of `packed` bytes may give."""
        return int(min(self.size, self.ratio * max(packed, _CHUNK)))


def unpack(
    archive: Path, folder: Path, place: Callable[[str], str | None], limits: Limits
) -> dict[str, int]:
    """Write the members of a .tar.gz or .zip into `folder`; return the bytes of each file.

    `place` says where under `folder` a member belongs, by its posix name; None leaves it out.
    All members are checked, also those that are left out, and the archive is read to its end, so
    that its check sums are compared. What was written before a fault was met stays in `folder`:
    give one that is thrown away then.

    Raises:
        DataError: for a member with an absolute name, `..`, a link or a device; two members for
            one place, also where the system does not tell capitals; more than `limits` allow;
            a file that is neither kind of archive, or a broken one.
        OSError: when a file cannot be written.
    """
    with open(archive, "rb") as file:
        begin = file.read(4)
        file.seek(0)
        if begin[:2] == b"\x1f\x8b":
            members = _tar_members(file, archive.stat().st_size, limits)
        elif begin == b"PK\x03\x04":
            members = _zip_members(file, archive.stat().st_size, limits)
        else:
            raise DataError(f"{archive} is neither a .tar.gz nor a .zip archive")
        try:
            return _write(progress(members, f"unpacking {archive.name}"), folder, place)
        except _Fault as fault:
            raise DataError(f"{archive} is not unpacked: {fault}") from fault


class _Fault(Exception):
    """What is wrong with the archive."""


@dataclass
class _Member:
    name: str
    read: Callable[[int], bytes]


def _write(
    members: Iterator[_Member], folder: Path, place: Callable[[str], str | None]
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    taken: set[str] = set()
    for member in members:
        target = place(member.name)
        if target is None:
            continue
        _check_name(target)
        # Windows and macOS see one file where Linux sees two.
        if (key := unicodedata.normalize("NFC", target).casefold()) in taken:
            raise _Fault(f"two members would be {target!r}")
        taken.add(key)
        path = folder / target
        with _create(path, target) as file:
            while chunk := member.read(_CHUNK):
                file.write(chunk)
            sizes[target] = file.tell()
    return sizes


def _create(path: Path, name: str) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _Fault(
            f"the member {name!r} is a folder to another member, or the other way"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            raise _Fault(f"the member {name!r} has a name that no file can have here") from error
        raise


_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE | re.ASCII)


def _check_name(name: str) -> None:
    """Raise _Fault unless the posix name stays under the folder it is joined to, anywhere."""
    # "." parts are common ("./train"); an empty first part makes the name absolute. Windows takes
    # dots and spaces off the end of a part: "... " is ".." there.
    parts = [part for part in name.rstrip("/").split("/") if part != "."]
    if (
        any(part != part.rstrip(". ") or not part for part in parts)
        or any(_DEVICES.fullmatch(part) for part in parts)
        or any(sign in name for sign in '\\:*?"<>|')
        or any(sign < " " or "\ud800" <= sign <= "\udfff" for sign in name)
    ):
        raise _Fault(f"the member {name!r} has a name that could leave the folder")


def _tar_members(file: IO[bytes], packed: int, limits: Limits) -> Iterator[_Member]:
    stream = _Stream(gzip.GzipFile(fileobj=file, mode="rb"), limits.total(packed))
    with _Faults():
        tar = tarfile.TarFile(fileobj=cast(IO[bytes], stream))
    for number in range(limits.members + 1):
        with _Faults():
            # Asked again behind the end of an empty archive, Python 3.10 would seek backwards.
            info = tar.next() if number or vars(tar)["firstmember"] is not None else None
            # They would grow with every member; not all of them are in the type's description.
            vars(tar).update(members=[], pax_headers={})
        if info is None:
            break
        if number == limits.members:
            raise _Fault(f"it has more than {limits.members:,} members")
        _check_name(info.name)
        if info.isdir():
            continue
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
            raise _Fault(f"the member {info.name!r} is a link, a device or another special file")
        yield _Member(info.name, _Content(stream, info.size).read)
    # tarfile takes a header that is broken for the end, unless it is the first one.
    with _Faults():
        rest = stream.latest
        while rest:
            if rest.count(0) < len(rest):
                raise _Fault("it is broken (something stands behind its last member)")
            rest = stream.take(_CHUNK)


class _Content:
    """The bytes of the member that the stream has come to."""

    def __init__(self, stream: _Stream, size: int) -> None:
        if size < 0:
            raise _Fault("it has a member of negative size")
        self.stream, self.left = stream, size

    def read(self, count: int) -> bytes:
        with _Faults():
            chunk = self.stream.take(min(count, self.left))
        if not chunk and self.left:
            raise _Fault("it ends within a member")
        self.left -= len(chunk)
        return chunk


class _Stream:
    """What tarfile reads from: only forwards, only so far, and never much at once."""

    def __init__(self, file: gzip.GzipFile, limit: int) -> None:
        self.file, self.limit, self.position = file, limit, 0
        self.latest = b""  # what `read` gave

    def read(self, count: int = -1) -> bytes:
        # tarfile reads headers in one piece, however long they say they are.
        if not 0 <= count <= _HEADER:
            raise _Fault(f"it has a header of more than {_HEADER:,} bytes")
        self.latest = self.take(count)
        return self.latest

    def take(self, count: int) -> bytes:
        """Read the content of a member, or what is left of the archive."""
        chunk = self.file.read(count)
        self.position += len(chunk)
        if self.position > self.limit:
            raise _Fault(f"it unpacks to more than {self.limit:,} bytes")
        return chunk

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> int:
        if position < self.position:
            raise _Fault("it has a header that points backwards")
        while self.position < position and self.take(min(_CHUNK, position - self.position)):
            pass
        return self.position


def _zip_members(file: IO[bytes], packed: int, limits: Limits) -> Iterator[_Member]:
    with _Faults():
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    if len(infos) > limits.members:
        raise _Fault(f"it has more than {limits.members:,} members")
    left = limits.total(packed)
    for info in infos:
        _check_name(info.orig_filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir():
            continue
        if kind not in (0, stat.S_IFREG) or info.flag_bits & 1:
            raise _Fault(f"the member {info.filename!r} is a link, encrypted or a special file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _Fault(f"the member {info.filename!r} is packed in a way that is not read")
        left -= info.file_size
        if left < 0:
            raise _Fault(f"it unpacks to more than {limits.total(packed):,} bytes")
        with _Faults():
            content = archive.open(info)
        with content:
            read = _guarded(content)
            yield _Member(info.filename, read)
            while read(_CHUNK):  # of one that is left out, so that its check sum is compared
                pass


def _guarded(content: IO[bytes]) -> Callable[[int], bytes]:
    def read(count: int) -> bytes:
        with _Faults():
            return content.read(count)

    return read


class _Faults:
    """Turn what broken archives raise, and nothing else, into _Fault."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        broken = (
            tarfile.TarError,
            zipfile.BadZipFile,
            gzip.BadGzipFile,
            zlib.error,
            struct.error,
            EOFError,
            ValueError,
            IndexError,
            KeyError,
            OverflowError,
            NotImplementedError,
            RuntimeError,  # an encrypted zip; and RecursionError: headers nested without end
        )
        astray = isinstance(error, OSError) and error.errno == errno.EINVAL  # sought before 0
        if isinstance(error, broken) or astray:
            raise _Fault(f"it is broken ({error or type(error).__name__})") from error
