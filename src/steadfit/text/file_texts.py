"""Texts that stay in their files until they are asked for."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from steadfit.core.errors import DataError
from steadfit.text.lazy_strings import LazyStrings


@dataclass(frozen=True, repr=False)
class FileTexts(LazyStrings):
    """A sequence of texts that reads one file each time it is indexed, and keeps none.

    `files` are posix paths relative to `root`. Nothing is stripped or translated: line ends and
    white space come as they stand in the file; only a byte order mark is taken off.

    Raises:
        DataError: when a file cannot be read, or holds bytes that are not `encoding`.
    """

    root: Path
    files: tuple[str, ...]
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        check_encoding(self.encoding)

    def __len__(self) -> int:
        return len(self.files)

    def _at(self, place: int) -> str:
        return read_text(self.root / self.files[place], self.encoding)

    def __repr__(self) -> str:
        return f"FileTexts({len(self)} files under {str(self.root)!r})"

    def select(self, rows: Iterable[int]) -> FileTexts:
        """Return the texts of these rows, still unread."""
        return FileTexts(self.root, tuple(self.files[int(row)] for row in rows), self.encoding)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the whole text of a file, strictly decoded, without a byte order mark."""
    return "".join(read_blocks(path, encoding, -1))


def read_blocks(path: Path, encoding: str = "utf-8", size: int = 1 << 16) -> Iterator[str]:
    """Yield the text of a file in blocks of about `size` bytes (-1: all at once), as `read_text`.

    Raises:
        DataError: the file cannot be read, or holds bytes that are not `encoding`; what came before
            them was yielded.
    """
    decoder = codecs.getincrementaldecoder("utf-8" if is_utf8(encoding) else encoding)()
    try:
        with path.open("rb") as file:
            begin = file.read(len(codecs.BOM_UTF8))
            marked = is_utf8(encoding) and begin == codecs.BOM_UTF8
            at, block = (len(begin), b"") if marked else (0, begin)
            while True:
                block += file.read(size)
                text = _decoded(path, encoding, decoder, block, at)
                if text:
                    yield text
                if not block:
                    return
                at, block = at + len(block), b""
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _decoded(
    path: Path, encoding: str, decoder: codecs.IncrementalDecoder, block: bytes, at: int
) -> str:
    """Decode the block that stands at byte `at`; an empty one is the file's end."""
    begun = decoder.getstate()[0]  # bytes of a character whose rest is in this block
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        data = begun + block
        raise DataError(
            f"{path}: byte {at - len(begun) + error.start} (0x{data[error.start]:02x}) is not "
            f"{encoding}; give the file's own encoding, such as encoding={_likely(data)!r}"
        ) from error
    except UnicodeError as error:  # some codecs (utf-16 without a mark, idna) tell no offset
        raise DataError(
            f"{path}: is not {encoding} from byte {at} on ({error}); "
            "give the file's own encoding with encoding="
        ) from error


def check_encoding(encoding: str) -> None:
    """Raise DataError unless Python knows `encoding` as one for text."""
    try:
        b" ".decode(encoding)
    except UnicodeError:
        return
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"encoding={encoding!r} is not known; accepted are Python's text encodings, "
            "such as 'utf-8', 'utf-16', 'cp1252', 'latin-1'"
        ) from error


def is_utf8(encoding: str) -> bool:
    """Return whether `encoding` is one of the names of UTF-8, with or without a mark."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _likely(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "cp1252"
