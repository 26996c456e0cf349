"""Texts from CSV, TSV and JSON lines, with the line of whatever is wrong."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadfit.core.checks import a_path, shown, yes_or_no
from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.fields import join_fields
from steadfit.text.raw_rows import (
    check_fields,
    checked_delimiter,
    csv_reader,
    csv_rows,
    delimiter_hint,
    json_rows,
)
from steadfit.text.records import FileLines, Records
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
    delimiter = checked_delimiter("," if delimiter is None else delimiter)
    lines = FileLines(path, encoding)
    rows = csv_rows(lines, delimiter, quotes)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path}: the file is empty; a table with a text column is accepted")
    columns: list[Any] = first.fields if header else list(range(len(first.fields)))
    wanted = (text, label, group)
    try:
        at = [None if name is None else column_index(columns, name, str(path)) for name in wanted]
    except DataError as error:
        raise DataError(f"{error}{_hint(first.fields, header, delimiter)}") from error
    parse = CSVText((at[0] or 0,), delimiter, quotes)
    records = Records(lines, parse, label is not None, group is not None)
    if not header:
        records.add(first.place, *_cells(first.fields, at))
    for row in rows:
        check_fields(row, len(columns), path)
        records.add(row.place, *_cells(row.fields, at))
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
    records = Records(lines, JSONText((text,)), label is not None, group is not None)
    for place, record in json_rows(lines):
        for key in keys:
            if key is not None and key not in record:
                there = ", ".join(map(repr, record)) or "none"
                raise DataError(f"{path}, line {place.line}: no key {key!r}; the keys are {there}")
        cells = [None if key is None else record[key] for key in keys]
        records.add(place, *cells)
    return records.corpus()


@dataclass(frozen=True)
class CSVText:
    """Finds the text in a row of a CSV file: one column, or several joined as fields."""

    columns: tuple[int, ...]
    delimiter: str
    quotes: bool

    def __call__(self, record: str) -> str:
        row = next(csv_reader(io.StringIO(record, newline=""), self.delimiter, self.quotes))
        return join_fields([row[column] for column in self.columns])


@dataclass(frozen=True)
class JSONText:
    """Finds the text in a line of a JSON lines file: one key's, or those of several as fields."""

    keys: tuple[str, ...]

    def __call__(self, record: str) -> str:
        found = json.loads(record)
        return join_fields([found[key] for key in self.keys])


def _cells(row: list[str], columns: list[int | None]) -> list[str | None]:
    return [None if column is None else row[column] for column in columns]


def _hint(first: list[str], header: bool, delimiter: str) -> str:
    if not header:
        return "; header=False: give columns by number"
    return delimiter_hint(first, delimiter)
