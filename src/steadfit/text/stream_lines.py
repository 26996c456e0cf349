"""The lines of what is read from its beginning to its end: standard input, pipes, packed files."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from steadfit.core.errors import DataError
from steadfit.text.file_texts import check_encoding, is_utf8

STANDARD_INPUT = "-"
PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.GzipFile, ".xz": lzma.LZMAFile}


class StreamLines:
    """The lines of a stream, ends included; what `FileLines` is for a file that can be sought in.

    Attributes:
        path: of the file, or "standard input".
        position: always None: no line can be found again.
        number: of the last line that was given out, from 1.

    Raises:
        DataError: when it cannot be read or unpacked, holds a NUL byte, or bytes that are not
            `encoding`.
    """

    def __init__(self, source: str | Path, encoding: str) -> None:
        check_encoding(encoding)
        standard = str(source) == STANDARD_INPUT
        self._source = None if standard else Path(source)
        self.path = Path("standard input") if standard else Path(source)
        self.encoding = "utf-8-sig" if is_utf8(encoding) else encoding
        self.position: int | None = None
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        try:
            with self._bytes() as stream:
                text = io.TextIOWrapper(stream, self.encoding, newline="")
                try:
                    for line in text:
                        self.number += 1
                        if "\0" in line:
                            raise DataError(
                                f"{self.path}, line {self.number}: a NUL byte after "
                                f"{line.index(chr(0))} characters; the data is damaged, or its "
                                "encoding is another, such as 'utf-16'"
                            )
                        yield line
                finally:
                    with suppress(ValueError):  # closed by somebody else already
                        text.detach()  # or it would close standard input
        except UnicodeError as error:
            raise DataError(
                f"{self.path}: after line {self.number} come bytes that are not {self.encoding} "
                f"({error}); give its own encoding, such as encoding='cp1252'"
            ) from error
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{self.path}: cannot be read after line {self.number}: {reason}"
            ) from error

    @contextmanager
    def _bytes(self) -> Iterator[IO[bytes]]:
        if self._source is None:
            if sys.stdin is None:
                raise DataError("there is no standard input to read; give a file")
            yield sys.stdin.buffer
            return
        opened = PACKED.get(self._source.suffix.lower(), partial(open, mode="rb"))
        with opened(self._source) as stream:
            yield stream


def is_stream(source: str | Path) -> bool:
    """Return whether no place in a source can be found again: it is read once, or compressed."""
    return is_read_once(source) or Path(source).suffix.lower() in PACKED


def is_read_once(source: str | Path) -> bool:
    """Return whether a source is gone when it was read: standard input, a pipe, or a device."""
    if str(source) == STANDARD_INPUT:
        return True
    try:
        mode = Path(source).expanduser().stat().st_mode
    except OSError:  # not there; whoever opens it says so
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
