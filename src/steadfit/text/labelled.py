"""Texts with their labels from a table or folder, for training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.text.coded import Coded
from steadfit.text.corpus import Corpus
from steadfit.text.fields import join_fields, text_columns
from steadfit.text.records import FileLines, Records
from steadfit.text.table_rows import CSVTable, FolderTable, JSONTable, Rows, check_keys, rows
from steadfit.text.tables import CSVText, JSONText
from steadfit.text.values import is_missing, is_set_of_labels, label_value, text_value

_SHOWN = 10  # row numbers in a message


class Labelled(NamedTuple):
    """Documents and what is known of each; the columns are of one length.

    Attributes:
        texts: strings; those of a large CSV, TSV or JSON lines file are read when asked for.
        labels: a string each; with a separator, a sorted tuple of strings each, which may be empty.
        groups: a string each, if a column was named.
        weights: a number each, if a column was named.
        empty: how many texts have nothing on them but white space.
        dropped: how many records were left out because their label was missing.
    """

    texts: Sequence[str]
    labels: Sequence[Any]
    groups: Sequence[str] | None
    weights: list[float] | None
    empty: int
    dropped: int

    def corpus(self) -> Corpus:
        """Return texts, labels and groups as a corpus."""
        return Corpus(self.texts, self.labels, self.groups)


def labelled(
    source: str | Path,
    text: str | Sequence[str] = "text",
    label: str = "label",
    drop_unlabeled: bool = False,
    group: str | None = None,
    weight: str | None = None,
    separator: str | None = None,
    format: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool = True,
) -> Labelled:
    """Return the documents of a table or folder that have a label.

    A text may be empty; it is counted. None and NaN are no texts. Labels and groups that are
    numbers become strings, 1 and 1.0 both "1"; white space around a label is none of it. An empty
    label is a missing one, but with a separator it says that the document is of no class.

    Args:
        source: as in `steadfit.text.table_rows.rows`.
        text: the column of the texts; of several, each document's are joined as fields, see
            `steadfit.text.fields.join_fields`.
        label: the column of the labels; for a folder "label", the folder of each file.
        drop_unlabeled: leave out records whose label is missing, instead of refusing them.
        group: a column; documents that share a value belong on one side of a split.
        weight: a column of numbers from 0.
        separator: what stands between the labels of a document that may have several or none, such
            as "|"; lists of JSON and Parquet are taken as they are.
        format: as in `rows`.
        encoding: of text.
        delimiter: as in `rows`.
        quotes: as in `rows`.

    Raises:
        DataError: a column that is not there; records without a text or label, counted, with the
            first places; a weight that is none; no records; and as `rows`.
    """
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise DataError(f"separator={separator!r}: a string such as '|' is accepted")
    table = rows(source, format, encoding, delimiter, quotes)
    names = text_columns(text)
    columns = [*names, *(name for name in (group, weight) if name is not None)]
    # An object of JSON lines may leave out the key of a label it has not.
    table.require(columns if isinstance(table, JSONTable) else [*columns, label])
    gathered = _Texts(table, names)
    labels: list[Any] = []
    groups: list[str] = []
    weights: list[float] = []
    same: dict[Any, Any] = {}  # each different label and group is held once
    no_text, no_label = _Missing(), _Missing()
    for record in table:
        check_keys(table, record, columns)
        if _unlabelled(record.get(label), separator):
            no_label.add(table.ordinal)
            continue
        values = [record[name] for name in names]
        if any(map(is_missing, values)):
            no_text.add(table.ordinal)
            continue
        if no_text.count or (no_label.count and not drop_unlabeled):
            continue  # an error is certain: only counting goes on
        gathered.add([text_value(value, table.where) for value in values])
        found = _label(record[label], separator, table.where)
        labels.append(same.setdefault(found, found))
        if group is not None:
            name = label_value(record[group], table.where, "group")
            groups.append(same.setdefault(name, name))
        if weight is not None:
            weights.append(_weight(record[weight], f"{table.where}: column {weight!r}"))
    if no_text.count:
        raise DataError(
            f"{table.path}: {no_text.told(table)} no text in {', '.join(map(repr, names))}; give "
            "each a string (it may be empty), or leave them out"
        )
    if no_label.count == table.number:
        table.require([label])
    if no_label.count and not drop_unlabeled:
        raise DataError(
            f"{table.path}: {no_label.told(table)} no label in column {label!r}; label them, or "
            "leave them out with drop_unlabeled=True"
        )
    if not labels:
        left = f", {no_label.count:,} without a label were left out" if no_label.count else ""
        raise DataError(f"{table.path}: no documents{left}; at least one is needed")
    return Labelled(
        gathered.texts(),
        labels if separator else Coded.of(labels),
        None if group is None else Coded.of(groups),
        None if weight is None else weights,
        gathered.empty,
        no_label.count,
    )


class _Texts:
    """Texts as they come: held, or found again in their files where that can be."""

    def __init__(self, table: Rows, names: tuple[str, ...]) -> None:
        self.empty = 0
        self._table = table
        self._held: list[str] = []
        self._files: list[int] = []
        self._records = _records(table, names)

    def add(self, values: list[str]) -> None:
        self.empty += not any(value.strip() for value in values)
        if isinstance(self._table, FolderTable):
            self._files.append(self._table.number - 1)
        elif self._records is None:
            self._held.append(join_fields(values))
        else:
            assert self._table.place is not None
            self._records.add(self._table.place, join_fields(values))

    def texts(self) -> Sequence[str]:
        if isinstance(self._table, FolderTable):
            return self._table.corpus.select(self._files).texts
        return self._held if self._records is None else self._records.corpus().texts


def _records(table: Rows, names: tuple[str, ...]) -> Records | None:
    if not isinstance(table.lines, FileLines):
        return None
    parse: CSVText | JSONText
    if isinstance(table, JSONTable):
        parse = JSONText(names)
    elif isinstance(table, CSVTable):
        at = tuple(table.columns.index(name) for name in names)
        parse = CSVText(at, table.delimiter, table.quotes)
    else:
        return None
    return Records(table.lines, parse, labelled=False, grouped=False)


def _unlabelled(value: Any, separator: str | None) -> bool:
    if is_missing(value):
        return True
    return separator is None and isinstance(value, str) and not value.strip()


def _label(value: Any, separator: str | None, where: str) -> Any:
    if separator is None:
        if is_set_of_labels(value):
            raise DataError(
                f"{where}: the label is the list {shown(value)}; where texts may have several "
                "labels give separator='|', and lists are taken as they are"
            )
        return label_value(value, where).strip()
    if is_set_of_labels(value):
        parts = [label_value(part, where) for part in value]
    elif value == "":
        return ()
    else:
        parts = label_value(value, where).split(separator)
    return tuple(sorted({part.strip() for part in parts if part.strip()}))


def _weight(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str) and "_" in value:  # float() takes it as in Python's own source
        number = math.nan
    if math.isfinite(number) and number >= 0 and not isinstance(value, bool):
        return number
    raise DataError(f"{where}: the weight is {shown(value)}; a number from 0 is accepted")


class _Missing:
    """How many records lack something, and where the first ones stand."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[int] = []

    def add(self, ordinal: int) -> None:
        self.count += 1
        if len(self._first) < _SHOWN:
            self._first.append(ordinal)

    def told(self, table: Rows) -> str:
        numbers = ", ".join(f"{number}" for number in self._first)
        more = ", ..." if self.count > len(self._first) else ""
        records = "1 record has" if self.count == 1 else f"{self.count:,} records have"
        return f"{records} ({table.unit} {numbers}{more})"
