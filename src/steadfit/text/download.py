"""Archives fetched over the network: resumed where they broke off, verified before they count."""

from __future__ import annotations

import email.message
import hashlib
import http.client
import json
import os
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadfit.core.atomic import write_json
from steadfit.core.errors import DataError
from steadfit.core.progress import byte_progress
from steadfit.text.addresses import BadRange, Broken, Refused, open_address

_CHUNK = 1 << 18
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Source:
    """One archive: its file name, the addresses that serve it, and how it is known again.

    At least one of `size` (bytes), `md5` and `sha256` is given, all hexadecimal digits small.
    `md5_of_first_mib` is the MD5 of the first 2^20 bytes. Where no size is known, `most` bounds
    what is received.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    md5_of_first_mib: str | None = None
    most: int = 1 << 30

    def __post_init__(self) -> None:
        if self.size is None and not self.hashed:
            raise DataError(f"Source({self.name!r}): give size=, md5= or sha256= to verify it by")
        if Path(self.name).name != self.name:
            raise DataError(f"Source(name={self.name!r}): a file name without folders is needed")

    @property
    def hashed(self) -> bool:
        """Whether the whole content is known, and not only its size or its beginning."""
        return self.md5 is not None or self.sha256 is not None

    def describe(self) -> str:
        """Return what the archive is known by, for messages."""
        known = [f"{self.size:,} bytes"] if self.size is not None else []
        known += [f"MD5 {self.md5}"] if self.md5 else []
        return ", ".join(known or [f"SHA-256 {self.sha256}"])

    def fault(self, path: Path) -> str | None:
        """Return what is wrong with the file, or None when it is this archive."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"{size:,} bytes where {self.size:,} are expected"
        begin, md5, sha256 = (_md5(), _md5(), hashlib.sha256())
        with open(path, "rb") as file:
            begin.update(file.read(_MEBIBYTE))
            file.seek(0)
            while self.hashed and (chunk := file.read(_MEBIBYTE)):
                md5.update(chunk)
                sha256.update(chunk)
        for name, expected, found in (
            ("MD5", self.md5, md5),
            ("SHA-256", self.sha256, sha256),
            ("MD5 of the first MiB", self.md5_of_first_mib, begin),
        ):
            if expected is not None and found.hexdigest() != expected:
                return f"{name} {found.hexdigest()} where {expected} is expected"
        return None


@dataclass(frozen=True)
class Patience:
    """How long to wait for an answer (seconds), how often to try an address, and the pauses."""

    timeout: float = 30.0
    tries: int = 5
    pause: float = 1.0


class FetchError(Exception):
    """No address gave the archive; `failures` holds each address with what happened."""

    def __init__(self, failures: list[tuple[str, str]]) -> None:
        super().__init__(failures)
        self.failures = failures


def fetch(source: Source, folder: Path, patience: Patience | None = None) -> Path:
    """Return the path of the archive in `folder`, fetched from its first address that works.

    While it comes it is called NAME.part, with NAME.part.json beside that says where it comes
    from; a later call goes on where this one stopped. It is verified before it takes its name.
    The caller sees to it that one process at a time fetches into the folder.

    Raises:
        FetchError: when no address gave it.
        OSError: when it cannot be written.
    """
    part = _Part(folder / f"{source.name}.part", folder / f"{source.name}.part.json")
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in source.urls:
        try:
            _download(url, source, part, patience or Patience())
        except Refused as error:
            failures.append((url, str(error)))
            continue
        os.replace(part.path, folder / source.name)
        part.discard()
        return folder / source.name
    raise FetchError(failures)


@dataclass(frozen=True)
class _Part:
    path: Path
    notes: Path

    def begin(self, url: str, headers: email.message.Message, total: int | None) -> None:
        self.discard()
        tag = headers.get("ETag") or ""
        # A weak tag does not promise the same bytes, and is not allowed in If-Range.
        validator = tag if tag.startswith('"') else headers.get("Last-Modified")
        write_json(self.notes, {"url": url, "validator": validator, "total": total})

    def resume(self, url: str, source: Source) -> tuple[int, dict[str, Any]]:
        """Return how many bytes are there to go on from, and what was noted of their origin."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            same, validator, total = notes["url"] == url, notes["validator"], notes["total"]
            size = self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            size = 0
        else:
            if not isinstance(validator, str) or not same or not _HEADER.fullmatch(validator):
                validator = None
            # Without a promise that it is the same file, only a hash of the whole can tell.
            if validator is None and not source.hashed:
                size = 0
        if size == 0 or size > _limit(source):
            self.discard()
            return 0, {}
        return size, {"validator": validator, "total": total}

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


_HEADER = re.compile(r"[\x20-\x7e]+")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)


def _download(url: str, source: Source, part: _Part, patience: Patience) -> None:
    reason = ""
    for attempt in range(patience.tries):
        if attempt:
            time.sleep(min(patience.pause * 2 ** (attempt - 1), 30.0))
        try:
            whole = _receive(url, source, part, patience.timeout)
        except Broken as error:
            reason = str(error)
            continue
        if (fault := source.fault(part.path)) is None:
            return
        part.discard()
        reason = fault
        if whole:  # what came in one piece will be the same the next time
            raise Refused(fault)
    raise Refused(f"{reason} (given up after {patience.tries} tries)")


def _receive(url: str, source: Source, part: _Part, timeout: float) -> bool:
    """Bring the part file up to its end; return whether all of it came in this one answer."""
    offset, notes = part.resume(url, source)
    if offset and offset in (source.size, notes["total"]):
        return False
    headers = {"User-Agent": "steadfit", "Accept": "*/*", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if notes["validator"]:
            headers["If-Range"] = notes["validator"]
    try:
        response = open_address(url, headers, timeout)
    except BadRange:
        part.discard()
        raise
    with response:
        total = _total(response, offset)
        if response.status == 206:
            if offset == 0 or total is _OTHER or (notes["total"] or total) != total:
                part.discard()
                raise Broken("another range was sent than the one asked for")
        elif response.status == 200:
            offset = 0
        else:
            raise Refused(f"HTTP {response.status} {response.reason}")
        if source.size is not None and total is not None and total != source.size:
            part.discard()
            raise Refused(f"{total:,} bytes are offered where {source.size:,} are expected")
        if offset == 0:
            part.begin(url, response.headers, total)
        _write(response, source, part, offset, total if total is not None else source.size)
    return offset == 0


_OTHER = -1


def _total(response: http.client.HTTPResponse, offset: int) -> int | None:
    """Return the size of the whole file as the answer states it; `_OTHER` for a wrong range."""
    if response.status == 206:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != offset:
            return _OTHER
        return None if found[3] == "*" else int(found[3])
    length = response.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None


def _write(
    response: http.client.HTTPResponse,
    source: Source,
    part: _Part,
    offset: int,
    total: int | None,
) -> None:
    limit = _limit(source)
    with (
        open(part.path, "r+b" if offset else "wb") as file,
        byte_progress(f"fetching {source.name}", total, offset) as advance,
    ):
        file.seek(offset)
        for chunk in _chunks(response):
            offset += len(chunk)
            if offset > limit:
                break
            file.write(chunk)
            file.flush()  # what came is there for the next process, should this one be killed
            advance(len(chunk))
        file.truncate()
        os.fsync(file.fileno())
    if offset > limit:
        part.discard()
        raise Refused(f"more than {limit:,} bytes were sent")
    if total is not None and offset < total:
        raise Broken(f"the connection ended at {offset:,} of {total:,} bytes")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except TimeoutError as error:
            raise Broken("no bytes came in time") from error
        except (OSError, ssl.SSLError, http.client.HTTPException, ValueError) as error:
            raise Broken(f"the connection broke ({error or type(error).__name__})") from error
        if not chunk:
            return
        yield chunk


def _limit(source: Source) -> int:
    return source.most if source.size is None else source.size


def _md5() -> Any:
    # Where the system forbids MD5 for security (FIPS), it may still tell broken files.
    return hashlib.md5(usedforsecurity=False)
