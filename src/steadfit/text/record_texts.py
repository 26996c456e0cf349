"""Texts that stay in one large file until they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike

from steadfit.core.errors import DataError
from steadfit.text.compact import as_array, compact
from steadfit.text.lazy_strings import LazyStrings

Stamp = tuple[int, int]  # a file's size in bytes, and when it was written


class RecordTexts(LazyStrings):
    """The texts of a file's records, each read when it is indexed; two numbers a text are held.

    Args:
        path: the file.
        encoding: of its bytes.
        begins: the byte with which each record begins, `(documents,)`.
        sizes: bytes of each record, `(documents,)`.
        parse: makes a text of a record; compared when two sequences are.
        stamp: of the file when the records were found.

    Raises:
        DataError: on reading, when the file is gone or was changed since.
    """

    def __init__(
        self,
        path: Path,
        encoding: str,
        begins: ArrayLike,
        sizes: ArrayLike,
        parse: Callable[[str], str],
        stamp: Stamp,
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._begins = compact(begins)
        self._sizes = compact(sizes)
        self._parse = parse
        self._stamp = stamp

    def __len__(self) -> int:
        return len(self._begins)

    def _at(self, place: int) -> str:
        with self._open() as file:
            return self._read(file, place)

    def __iter__(self) -> Iterator[str]:
        with self._open() as file:
            for row in range(len(self)):
                yield self._read(file, row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordTexts) and (
            self._origin() == other._origin()
            and np.array_equal(self._begins, other._begins)
            and np.array_equal(self._sizes, other._sizes)
        )

    def __hash__(self) -> int:
        return hash((self._path, self._stamp, len(self)))

    def __repr__(self) -> str:
        return f"RecordTexts({len(self)} texts in {str(self._path)!r})"

    def select(self, rows: Iterable[int]) -> RecordTexts:
        """Return the texts of these rows, still unread."""
        chosen = as_array(rows)
        begins, sizes = self._begins[chosen], self._sizes[chosen]
        return RecordTexts(self._path, self._encoding, begins, sizes, self._parse, self._stamp)

    def _origin(self) -> tuple[Any, ...]:
        return self._path, self._encoding, self._parse, self._stamp

    def _open(self) -> IO[bytes]:
        try:
            file = open(self._path, "rb")  # noqa: SIM115  (the caller closes it)
        except OSError as error:
            raise DataError(
                f"{self._path}: cannot be read: {error.strerror or error}; its texts are read when "
                "they are needed, so it has to stay until they are tokenized"
            ) from error
        if stamp_of(file) != self._stamp:
            file.close()
            raise self._changed()
        return file

    def _read(self, file: IO[bytes], row: int) -> str:
        begin, size = int(self._begins[row]), int(self._sizes[row])
        try:
            file.seek(begin)
            data = file.read(size)
            if len(data) < size:
                raise self._changed()
            return self._parse(data.decode(self._encoding))
        except OSError as error:
            raise DataError(
                f"{self._path}: cannot be read from byte {begin} on: {error.strerror or error}"
            ) from error
        except UnicodeError as error:
            raise self._changed() from error

    def _changed(self) -> DataError:
        return DataError(f"{self._path} was changed after it was read; read it again")


class LineNames(LazyStrings):
    """Names such as "reviews.csv:12", made from the numbers of lines."""

    def __init__(self, file: str, lines: ArrayLike) -> None:
        self._file = file
        self._lines = compact(lines)

    def __len__(self) -> int:
        return len(self._lines)

    def _at(self, place: int) -> str:
        return f"{self._file}:{self._lines[place]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LineNames) and (
            self._file == other._file and np.array_equal(self._lines, other._lines)
        )

    def __hash__(self) -> int:
        return hash((self._file, len(self)))

    def __repr__(self) -> str:
        return f"LineNames({len(self)} lines of {self._file!r})"

    def select(self, rows: Iterable[int]) -> LineNames:
        """Return the names of these rows."""
        return LineNames(self._file, self._lines[as_array(rows)])


def stamp_of(file: IO[bytes]) -> Stamp:
    """Return what tells whether an open file is as it was."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
