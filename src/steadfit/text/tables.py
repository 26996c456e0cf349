"""Texts from CSV, TSV and JSON lines, with the line of whatever is wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.file_texts import check_encoding, is_utf8, read_text
from steadfit.text.values import column_index, label_value, text_value


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
    path = Path(path)
    delimiter = "," if delimiter is None else delimiter
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(f"delimiter={delimiter!r}: one character is accepted, such as ',' or ';'")
    rows = _csv_rows(path, delimiter, encoding, quotes)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path}: the file is empty; a table with a text column is accepted")
    columns: list[Any] = first[1] if header else list(range(len(first[1])))
    try:
        picked = _Picked.find(columns, text, label, group, str(path))
    except DataError as error:
        raise DataError(f"{error}{_hint(first[1], header, delimiter)}") from error
    if not header:
        picked.add(first[1], f"{path}, line {first[0]}", f"{path.name}:{first[0]}")
    for line, row in rows:
        if len(row) != len(columns):
            raise DataError(
                f"{path}, line {line}: {len(row)} fields, but the first line has {len(columns)}; "
                "a field that holds the delimiter must stand in quotes"
            )
        picked.add(row, f"{path}, line {line}", f"{path.name}:{line}")
    return picked.corpus(path)


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
    path = Path(path)
    keys = [key for key in (text, label, group) if key is not None]
    picked = _Picked(0, None if label is None else 1, None if group is None else len(keys) - 1)
    for line, content in enumerate(_lines(path, encoding), 1):
        if not content.strip():
            continue
        place = f"{path}, line {line}"
        try:
            record = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}: not JSON ({error}); one object a line is accepted"
            ) from error
        if not isinstance(record, dict):
            raise DataError(f"{place}: a JSON {type(record).__name__}; an object is accepted")
        for key in keys:
            if key not in record:
                there = ", ".join(map(repr, record)) or "none"
                raise DataError(f"{place}: no key {key!r}; the keys are {there}")
        picked.add([record[key] for key in keys], place, f"{path.name}:{line}")
    return picked.corpus(path)


@dataclass
class _Picked:
    """The wanted columns of a table, filled row by row."""

    text: int
    label: int | None
    group: int | None
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @classmethod
    def find(
        cls,
        columns: list[Any],
        text: str | int,
        label: str | int | None,
        group: str | int | None,
        place: str,
    ) -> _Picked:
        return cls(
            column_index(columns, text, place),
            None if label is None else column_index(columns, label, place),
            None if group is None else column_index(columns, group, place),
        )

    def add(self, row: list[Any], place: str, name: str) -> None:
        self.texts.append(text_value(row[self.text], place))
        if self.label is not None:
            self.labels.append(label_value(row[self.label], place))
        if self.group is not None:
            self.groups.append(label_value(row[self.group], place, "group"))
        self.names.append(name)

    def corpus(self, path: Path) -> Corpus:
        if not self.texts:
            raise DataError(f"{path}: no documents; at least one row is needed")
        return Corpus(
            tuple(self.texts),
            labels=None if self.label is None else tuple(self.labels),
            groups=None if self.group is None else tuple(self.groups),
            names=tuple(self.names),
        )


def _csv_rows(
    path: Path, delimiter: str, encoding: str, quotes: bool
) -> Iterator[tuple[int, list[str]]]:
    # The limit is one for the whole process. It is only ever raised, never put back, so that two
    # threads that read at once cannot lower it under each other; 2^31 - 1 is Windows' largest.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    reader = csv.reader(
        _lines(path, encoding),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}, row from line {line} to {reader.line_num}: {error}; a quote mark inside "
                "a field must be doubled and the field quoted, or pass quotes=False"
            ) from error
        if row:
            yield line, row


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file, ends included, as they are read."""
    check_encoding(encoding)
    codec = "utf-8-sig" if is_utf8(encoding) else encoding
    try:
        with open(path, encoding=codec, newline="") as file:
            for number, line in enumerate(file, 1):
                if "\0" in line:
                    raise DataError(
                        f"{path}, line {number}: a NUL byte after {line.index(chr(0))} characters; "
                        "the file is damaged, or its encoding is another, such as 'utf-16'"
                    )
                yield line
    except UnicodeError:
        read_text(path, encoding)  # raises with the offset in the file, not in the buffer
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _hint(first: list[str], header: bool, delimiter: str) -> str:
    if not header:
        return "; header=False: give columns by number"
    for other in ";\t,|":
        if other != delimiter and len(first) == 1 and other in first[0]:
            return f"; the fields seem to be separated by {other!r}: pass delimiter={other!r}"
    return ""
