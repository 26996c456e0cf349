"""The records of a file, each checked once, then held or found again in the file."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.core.errors import DataError
from steadfit.text.coded import Coded
from steadfit.text.compact import Gathered
from steadfit.text.corpus import Corpus
from steadfit.text.file_texts import check_encoding, is_utf8, read_blocks
from steadfit.text.record_texts import LineNames, RecordTexts, stamp_of
from steadfit.text.stream_lines import is_read_once
from steadfit.text.values import label_value, text_value

# A file up to so many bytes is held in memory: small tables stay quick, and need their file no
# more. The texts of a larger one are read when they are asked for.
HELD = 1 << 22


class FileLines:
    """The lines of a text file, ends included, and how many bytes they took.

    Attributes:
        position: the byte behind the last line that was given out; None in an encoding that does
            not tell how many bytes a character took.
        number: of the last line that was given out, from 1.
        stamp: size of the file, and when it was written.

    Raises:
        DataError: when the file cannot be read, holds a NUL byte or bytes that are not `encoding`;
            a pipe or a device, of which opening it twice loses what was read first.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        check_encoding(encoding)
        self.path = path
        self.encoding = "utf-8" if is_utf8(encoding) else encoding
        self.number = 0
        try:
            if is_read_once(path):
                raise DataError(
                    f"{path} is a pipe or a device, and a file is read here, more than once; save "
                    "what comes from it as a file first"
                )
            with open(path, "rb") as file:
                self.stamp = stamp_of(file)
                marked = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        self._codec = self.encoding
        self.position: int | None = None
        if self.encoding == "utf-8":
            self._codec = "utf-8-sig"
            self.position = len(codecs.BOM_UTF8) if marked else 0
        elif _one_byte_a_character(self.encoding):
            self.position = 0

    def __iter__(self) -> Iterator[str]:
        utf8 = self.encoding == "utf-8"
        try:
            with open(self.path, encoding=self._codec, newline="") as file:
                for line in file:
                    self.number += 1
                    if "\0" in line:
                        raise self._damaged(line)
                    if self.position is not None:
                        one_byte = not utf8 or line.isascii()
                        self.position += len(line) if one_byte else len(line.encode())
                    yield line
        except UnicodeError:
            # raises with the offset in the file, not in the buffer
            for _ in read_blocks(self.path, self.encoding):
                pass
            raise
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    def _damaged(self, line: str) -> DataError:
        return DataError(
            f"{self.path}, line {self.number}: a NUL byte after {line.index(chr(0))} characters; "
            "the file is damaged, or its encoding is another, such as 'utf-16'"
        )


class Place(NamedTuple):
    """Where a record stands in its file: its first line, its first byte and the one behind it."""

    line: int
    begin: int | None
    end: int | None


class Records:
    """Texts, labels and groups of a file, gathered record by record.

    Args:
        lines: of the file; a record consists of whole lines.
        parse: makes a text of a record's characters, once more when a text is asked for.
        labelled: whether labels will be given.
        grouped: whether groups will be given.
    """

    def __init__(
        self, lines: FileLines, parse: Callable[[str], str], labelled: bool, grouped: bool
    ) -> None:
        self._file = lines
        self._parse = parse
        self._labels = _Column() if labelled else None
        self._groups = _Column() if grouped else None
        self._texts: list[str] = []
        self._begins, self._sizes, self._lines = Gathered(), Gathered(), Gathered()

    def add(self, place: Place, text: Any, label: Any = None, group: Any = None) -> None:
        """Check one record and take it in.

        Raises:
            DataError: with file and line, for a text or label that cannot be used.
        """
        where = f"{self._file.path}, line {place.line}"
        text = text_value(text, where)
        if place.begin is None or place.end is None or self._file.stamp[0] <= HELD:
            self._texts.append(text)
        else:
            self._begins.append(place.begin)
            self._sizes.append(place.end - place.begin)
        if self._labels is not None:
            self._labels.add(label_value(label, where))
        if self._groups is not None:
            self._groups.add(label_value(group, where, "group"))
        self._lines.append(place.line)

    def corpus(self) -> Corpus:
        """Return what was gathered.

        Raises:
            DataError: when it is nothing.
        """
        path = self._file.path
        if not len(self._lines):
            raise DataError(f"{path}: no documents; at least one row is needed")
        labels = None if self._labels is None else self._labels.coded()
        groups = None if self._groups is None else self._groups.coded()
        if self._texts:
            names = tuple(LineNames(path.name, self._lines.numbers()))
            return Corpus(tuple(self._texts), labels, groups, names=names)
        texts = RecordTexts(
            path.absolute(),
            self._file.encoding,
            self._begins.numbers(),
            self._sizes.numbers(),
            self._parse,
            self._file.stamp,
        )
        lines = LineNames(path.name, self._lines.numbers())
        return Corpus(texts, labels, groups, names=lines)


class _Column:
    """Strings that come one by one, held as numbers from the first on."""

    def __init__(self) -> None:
        self._codes = Gathered()
        self._known: dict[str, int] = {}

    def add(self, value: str) -> None:
        self._codes.append(self._known.setdefault(value, len(self._known)))

    def coded(self) -> Coded:
        return Coded(self._codes.numbers(), self._known)


def _one_byte_a_character(encoding: str) -> bool:
    name = codecs.lookup(encoding).name.replace("-", "_")
    if name in ("ascii", "iso8859_1", "latin_1"):
        return True
    try:
        module = import_module(f"encodings.{name}")
    except ImportError:
        return False
    return hasattr(module, "decoding_table")  # the character that stands for each byte
