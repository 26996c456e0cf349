"""Records of tables, plain files and folders, one by one, whatever the size of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.text.lines import without_line_end
from steadfit.text.parquet_rows import ParquetRows
from steadfit.text.raw_rows import (
    check_fields,
    checked_delimiter,
    csv_rows,
    delimiter_hint,
    json_rows,
)
from steadfit.text.records import FileLines, Place
from steadfit.text.stream_lines import STANDARD_INPUT, StreamLines, is_stream
from steadfit.text.table_formats import (
    FOLDER,
    JSONL,
    LINES,
    PARQUET,
    TSV,
    format_of,
    path_of,
)

TEXT, LABEL, NAME = "text", "label", "name"  # the columns of plain files and folders
_SHOWN = 20  # columns of a table that a message names
_OF_FASTTEXT = "__label__"  # how a label begins in its files
_CONVERT = "; it is in fastText's form, of which docs/migrating.md tells how it becomes a table"


def rows(
    source: str | Path,
    format: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool = True,
) -> Rows:
    """Return an iterator of the records of `source`: a dictionary a record, by column.

    | source | values |
    |---|---|
    | `.csv`, `.tsv` | strings; the first line names the columns |
    | `.jsonl`, `.ndjson` | as JSON has them |
    | `.parquet` | as Python has them |
    | `.txt` | each line, empty ones too, as "text" |
    | a folder | each `.txt` file in it as "text", its path as "name", the folder it stands in, |
    | | unless it is `source` itself, as "label" |
    | `-` | standard input, as CSV unless `format` says otherwise |
    | a pipe or device | as its name or `format` says |

    The text formats may be compressed, as in `reviews.csv.gz` or `.xz`. One record is held at a
    time, a few megabytes of Parquet. One column may have no name, as pandas writes its index.

    Args:
        source: a path, or "-".
        format: "csv", "tsv", "jsonl", "parquet", "txt" or "folder"; by the suffix if not given.
        encoding: of text.
        delimiter: of CSV; a comma if not given.
        quotes: whether quote marks enclose fields of CSV and TSV.

    Raises:
        DataError: a source that is not there, of an unknown kind or damaged; columns with one
            name; a row with too few or too many fields. The message names the line.
        MissingExtraError: Parquet without polars.
    """
    path, kind = path_of(source), format_of(source, format)
    if kind == PARQUET:
        return ParquetTable(path)
    if kind == FOLDER:
        return FolderTable(path, encoding)
    lines: FileLines | StreamLines
    if is_stream(source):
        standard = str(source) == STANDARD_INPUT
        lines = StreamLines(STANDARD_INPUT if standard else path, encoding)
    else:
        lines = FileLines(path, encoding)
    if kind == JSONL:
        return JSONTable(lines, path)
    if kind == LINES:
        return _LinesTable(lines, path)
    between = "\t" if kind == TSV else checked_delimiter("," if delimiter is None else delimiter)
    return CSVTable(lines, path, kind, between, quotes)


class Rows(Iterator[dict[str, Any]]):
    """Records, each given once.

    Attributes:
        path: where they come from.
        format: one of `steadfit.text.table_formats.FORMATS`.
        columns: of a table; of JSON lines, the keys of the first record.
        place: where the last record begins and ends; None where it has no line, or before it.
        number: of the last record, from 1.
        lines: what the records are cut from, where they are; else None.
        types: polars' types of the columns of Parquet.
    """

    def __init__(self, path: Path, format: str, columns: Sequence[str]) -> None:
        self.path = path
        self.format = format
        self.columns = tuple(columns)
        self.place: Place | None = None
        self.number = 0
        self.lines: FileLines | StreamLines | None = None
        self.types: dict[str, Any] = {}
        self._records = self._read()

    def __next__(self) -> dict[str, Any]:
        record = next(self._records)
        self.number += 1
        return record

    @property
    def where(self) -> str:
        """The last record's place, for people."""
        return f"{self.path}, {self.unit} {self.ordinal}"

    @property
    def unit(self) -> str:
        """What is counted in `ordinal`."""
        return "row" if self.place is None else "line"

    @property
    def ordinal(self) -> int:
        """The number of the last record's first line, or of the record where it has none."""
        return self.number if self.place is None else self.place.line

    def require(self, columns: Sequence[str]) -> None:
        """Check that these columns are there.

        Raises:
            DataError: one is not; the message lists those that are.
        """
        if missing := [name for name in columns if name not in self.columns]:
            there = ", ".join(map(shown, self.columns[:_SHOWN])) or "none"
            more = len(self.columns) - _SHOWN
            raise DataError(
                f"{self.path}: no column {', '.join(map(repr, missing))}; the columns are {there}"
                f"{f' and {more:,} more' if more > 0 else ''}{self._hint()}"
            )

    def close(self) -> None:
        """Close what is read; no more records come."""
        self._records.close()

    def _hint(self) -> str:
        return ""

    def _read(self) -> Any:
        raise NotImplementedError


class CSVTable(Rows):
    """The records of CSV and TSV."""

    def __init__(self, lines: Any, path: Path, format: str, delimiter: str, quotes: bool) -> None:
        self.delimiter, self.quotes = delimiter, quotes
        self._rows = csv_rows(lines, delimiter, quotes)
        first = next(self._rows, None)
        if first is None:
            raise DataError(f"{lines.path}: it is empty; a table with a text column is accepted")
        hint = delimiter_hint(first.fields, delimiter)
        names = [name for name, count in Counter(first.fields).items() if count > 1]
        if names:
            raise DataError(
                f"{lines.path}: several columns are named {', '.join(map(repr, names))}; give each "
                f"a name of its own in line {first.place.line}"
            )
        super().__init__(lines.path, format, first.fields)
        self._wrong = hint
        self.lines = lines

    def _read(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            check_fields(row, len(self.columns), self.path)
            self.place = row.place
            yield dict(zip(self.columns, row.fields, strict=True))

    def _hint(self) -> str:
        if any(_OF_FASTTEXT in name for name in self.columns):
            return _CONVERT
        return self._wrong or "; name some of these. The first line names the columns"


class JSONTable(Rows):
    """The records of JSON lines."""

    def __init__(self, lines: Any, path: Path) -> None:
        self._rows = json_rows(lines)
        self._first = next(self._rows, None)
        keys = () if self._first is None else tuple(self._first.record)
        super().__init__(lines.path, JSONL, keys)
        self.lines = lines

    def _read(self) -> Iterator[dict[str, Any]]:
        row, self._first = self._first, None
        while row is not None:
            self.place = row.place
            yield row.record
            row = next(self._rows, None)


class _LinesTable(Rows):
    def __init__(self, lines: Any, path: Path) -> None:
        super().__init__(lines.path, LINES, (TEXT,))
        self.lines = lines

    def _read(self) -> Iterator[dict[str, Any]]:
        assert self.lines is not None
        end = self.lines.position
        for line in self.lines:
            begin, end = end, self.lines.position
            self.place = Place(self.lines.number, begin, end)
            yield {TEXT: without_line_end(line)}

    def _hint(self) -> str:
        first = next(self, {TEXT: ""})
        return _CONVERT if first[TEXT].startswith(_OF_FASTTEXT) else ""


class ParquetTable(Rows):
    """The records of Parquet."""

    def __init__(self, path: Path) -> None:
        self._table = ParquetRows(path)
        super().__init__(path, PARQUET, tuple(self._table.types))
        self.types = self._table.types

    def _read(self) -> Iterator[dict[str, Any]]:
        for values in self._table:
            yield dict(zip(self.columns, values, strict=True))


class FolderTable(Rows):
    """The files of a folder, whose texts `corpus` reads again."""

    def __init__(self, path: Path, encoding: str) -> None:
        from steadfit.text.readers import read_folder

        self.corpus = read_folder(path, encoding=encoding)
        super().__init__(path, FOLDER, (TEXT, LABEL, NAME))

    def _read(self) -> Iterator[dict[str, Any]]:
        assert self.corpus.names is not None
        for text, name in zip(self.corpus.texts, self.corpus.names, strict=True):
            yield {TEXT: text, LABEL: _folder(name), NAME: name}


def check_keys(table: Rows, record: dict[str, Any], names: Sequence[str]) -> None:
    """Raise DataError unless a record has these keys; every object of JSON lines has its own."""
    if missing := [name for name in names if name not in record]:
        there = ", ".join(map(repr, record)) or "none"
        raise DataError(f"{table.where}: no key {missing[0]!r}; the keys are {there}")


def _folder(name: str) -> str | None:
    """Return the folder that the file of a posix path stands in."""
    return name.split("/")[-2] if "/" in name else None
