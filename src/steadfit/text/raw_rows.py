"""The rows of CSV and JSON lines files, each with its place, before a column is chosen."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from steadfit.core.errors import DataError
from steadfit.text.records import Place


class Lines(Protocol):
    """The lines of a file, ends included; see `steadfit.text.records.FileLines`."""

    path: Path
    position: int | None
    number: int

    def __iter__(self) -> Iterator[str]: ...


class CSVRow(NamedTuple):
    """The fields of a row, and where it stands."""

    place: Place
    fields: list[str]


class JSONRow(NamedTuple):
    """The object on a line, and where it stands."""

    place: Place
    record: dict[str, Any]


def csv_rows(lines: Lines, delimiter: str, quotes: bool) -> Iterator[CSVRow]:
    """Yield the rows of a CSV file; lines with nothing on them are none.

    Raises:
        DataError: an unclosed quote, or one inside a field.
    """
    reader = csv_reader(lines, delimiter, quotes)
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
            yield CSVRow(Place(line, begin, lines.position), row)


def csv_reader(lines: Iterable[str], delimiter: str, quotes: bool) -> Any:
    """Return Python's reader, strict and without its limit on the size of a field."""
    # The limit is one for the whole process. It is only ever raised, never put back, so that two
    # threads that read at once cannot lower it under each other; 2^31 - 1 is Windows' largest.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    return csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )


def checked_delimiter(delimiter: object) -> str:
    """Return the character between two fields.

    Raises:
        DataError: it is none that could be.
    """
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(f"delimiter={delimiter!r}: one character is accepted, such as ',' or ';'")
    return delimiter


def check_fields(row: CSVRow, columns: int, path: Path) -> None:
    """Raise DataError unless a row has as many fields as the first line."""
    if len(row.fields) != columns:
        raise DataError(
            f"{path}, line {row.place.line}: {len(row.fields)} fields, but the first line has "
            f"{columns}; a field that holds the delimiter must stand in quotes"
        )


def delimiter_hint(first: list[str], delimiter: str) -> str:
    """Return the end of a message where the first line looks as if it had another delimiter."""
    for other in ";\t,|":
        if other != delimiter and len(first) == 1 and other in first[0]:
            return f"; the fields seem to be separated by {other!r}: pass delimiter={other!r}"
    return ""


def json_rows(lines: Lines) -> Iterator[JSONRow]:
    """Yield the objects of a JSON lines file; blank lines are skipped.

    Raises:
        DataError: a line that is no JSON object.
    """
    end = lines.position
    for content in lines:
        begin, end = end, lines.position
        if not content.strip():
            continue
        place = f"{lines.path}, line {lines.number}"
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}: not JSON ({error}); one object a line is accepted"
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"{place}: a JSON {type(record).__name__}; an object is accepted")
        yield JSONRow(Place(lines.number, begin, end), record)
