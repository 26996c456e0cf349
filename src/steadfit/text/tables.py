"""Texts from CSV, TSV and JSON lines, with the line of whatever is wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.core.checks import a_path, shown, yes_or_no
from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.records import FileLines, Place, Records
from steadfit.text.values import column_index


def read_csv(
    path: str | Path,
    text: str | int = "text",
    label: str | int | None = None,
    group: str | int | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    quotes: bool = True,
) -> Corpus:
    """Return the rows of a CSV file as a corpus.

    Columns are given by name, or by number from 0. Quoted fields may hold line ends. Lines with
    nothing on them are skipped; an empty text column is an empty document.

    Args:
        path: the file.
        text: the column of the texts.
        label: the column of the labels, if there is one; labels become strings.
        group: the column of the groups, if there is one.
        delimiter: one character; a comma if not given.
        encoding: of the file.
        header: whether the first line names the columns; if not, give columns by number.
        quotes: whether quote marks enclose fields; if not, they are characters like any other.

    Raises:
        DataError: for a missing or ambiguous column, a row with too few or too many fields, a
            NUL byte, an unclosed quote, undecodable bytes, a missing label, or no rows. The
            message names file and line.
    """
    path = a_path("path", path)
    yes_or_no("header", header)
    yes_or_no("quotes", quotes)
    delimiter = "," if delimiter is None else delimiter
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(f"delimiter={delimiter!r}: one character is accepted, such as ',' or ';'")
    lines = FileLines(path, encoding)
    rows = _csv_rows(lines, delimiter, quotes)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path}: the file is empty; a table with a text column is accepted")
    columns: list[Any] = first.row if header else list(range(len(first.row)))
    wanted = (text, label, group)
    try:
        at = [None if name is None else column_index(columns, name, str(path)) for name in wanted]
    except DataError as error:
        raise DataError(f"{error}{_hint(first.row, header, delimiter)}") from error
    parse = CSVText(at[0] or 0, delimiter, quotes)
    records = Records(lines, parse, label is not None, group is not None)
    if not header:
        records.add(first.place, *_cells(first.row, at))
    for place, row in rows:
        if len(row) != len(columns):
            raise DataError(
                f"{path}, line {place.line}: {len(row)} fields, but the first line has "
                f"{len(columns)}; a field that holds the delimiter must stand in quotes"
            )
        records.add(place, *_cells(row, at))
    return records.corpus()


def read_tsv(
    path: str | Path,
    text: str | int = "text",
    label: str | int | None = None,
    group: str | int | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    quotes: bool = True,
) -> Corpus:
    """Return the rows of a file with tabs between the fields as a corpus; see `read_csv`."""
    return read_csv(path, text, label, group, "\t", encoding, header, quotes)


def read_jsonl(
    path: str | Path,
    text: str = "text",
    label: str | None = None,
    group: str | None = None,
    encoding: str = "utf-8",
) -> Corpus:
    """Return the objects of a JSON lines file, one object a line, as a corpus.

    Blank lines are skipped. Labels and groups may be strings, numbers or booleans; they become
    strings.

    Raises:
        DataError: for bad JSON, a missing key, a text that is not a string, a missing label,
            undecodable bytes, or no lines. The message names file and line.
    """
    path = a_path("path", path)
    keys = (text, label, group)
    for key in (text, label, group):
        if key is not None and not isinstance(key, str):
            raise DataError(f"{shown(key)} is no key of a JSON object; a string is accepted")
    lines = FileLines(path, encoding)
    records = Records(lines, JSONText(text), label is not None, group is not None)
    end = lines.position
    for content in lines:
        begin, end = end, lines.position
        if not content.strip():
            continue
        place = f"{path}, line {lines.number}"
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}: not JSON ({error}); one object a line is accepted"
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"{place}: a JSON {type(record).__name__}; an object is accepted")
        for key in keys:
            if key is not None and key not in record:
                there = ", ".join(map(repr, record)) or "none"
                raise DataError(f"{place}: no key {key!r}; the keys are {there}")
        cells = [None if key is None else record[key] for key in keys]
        records.add(Place(lines.number, begin, end), *cells)
    return records.corpus()


@dataclass(frozen=True)
class CSVText:
    """Finds the text in a row of a CSV file."""

    column: int
    delimiter: str
    quotes: bool

    def __call__(self, record: str) -> str:
        lines = io.StringIO(record, newline="")
        return next(_reader(lines, self.delimiter, self.quotes))[self.column]


@dataclass(frozen=True)
class JSONText:
    """Finds the text in a line of a JSON lines file."""

    key: str

    def __call__(self, record: str) -> str:
        text: str = json.loads(record)[self.key]
        return text


class _Row(NamedTuple):
    place: Place
    row: list[str]


def _csv_rows(lines: FileLines, delimiter: str, quotes: bool) -> Iterator[_Row]:
    reader = _reader(lines, delimiter, quotes)
    while True:
        line = reader.line_num + 1
        begin = lines.position
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{lines.path}, row from line {line} to {reader.line_num}: {error}; a quote mark "
                "inside a field must be doubled and the field quoted, or pass quotes=False"
            ) from error
        if row:
            yield _Row(Place(line, begin, lines.position), row)


def _reader(lines: Iterable[str], delimiter: str, quotes: bool) -> Any:
    # The limit is one for the whole process. It is only ever raised, never put back, so that two
    # threads that read at once cannot lower it under each other; 2^31 - 1 is Windows' largest.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    return csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )


def _cells(row: list[str], columns: list[int | None]) -> list[str | None]:
    return [None if column is None else row[column] for column in columns]


def _hint(first: list[str], header: bool, delimiter: str) -> str:
    if not header:
        return "; header=False: give columns by number"
    for other in ";\t,|":
        if other != delimiter and len(first) == 1 and other in first[0]:
            return f"; the fields seem to be separated by {other!r}: pass delimiter={other!r}"
    return ""
