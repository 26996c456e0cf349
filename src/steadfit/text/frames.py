"""Texts from data frames and Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steadfit.core.checks import a_path
from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.parquet_rows import faults_of, polars_or_error
from steadfit.text.values import column_index, label_value, text_value


def read_frame(
    frame: Any,
    text: str | int = "text",
    label: str | int | None = None,
    group: str | int | None = None,
) -> Corpus:
    """Return the rows of a polars or pandas data frame as a corpus.

    Neither library is imported: whatever has `columns` and gives a column with `to_list` when
    indexed will do. Labels and groups become strings. Rows are named "row:0", "row:1", ...

    Raises:
        DataError: for something else than a frame, a missing or ambiguous column, a text that
            is missing or no string, a missing label, or no rows.
    """
    return _corpus(frame, text, label, group, "the data frame", "row", 0)


def read_parquet(
    path: str | Path,
    text: str | int = "text",
    label: str | int | None = None,
    group: str | int | None = None,
) -> Corpus:
    """Return the rows of a Parquet file as a corpus; only the columns named are read.

    Rows are named "reviews.parquet:1", "reviews.parquet:2", ..., counted from 1 as in
    `steadfit.text.table_rows`.

    Raises:
        MissingExtraError: when polars is not installed.
        DataError: as `read_frame`, or when the file is not Parquet.
    """
    path = a_path("path", path)
    polars = polars_or_error("reading")
    try:
        # glob=False: a name with brackets or a star is no pattern, perhaps of other files.
        columns = list(polars.scan_parquet(path, glob=False).collect_schema())
        wanted = [
            columns[column_index(columns, column, str(path))]
            for column in (text, label, group)
            if column is not None
        ]
        frame = polars.read_parquet(path, columns=list(dict.fromkeys(wanted)), glob=False)
    except faults_of(polars) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    names = iter(wanted)
    by_name = [None if column is None else next(names) for column in (text, label, group)]
    return _corpus(frame, by_name[0] or "", by_name[1], by_name[2], str(path), path.name, 1)


def _corpus(
    frame: Any,
    text: str | int,
    label: str | int | None,
    group: str | int | None,
    place: str,
    name: str,
    first: int,
) -> Corpus:
    if hasattr(frame, "collect"):
        raise DataError("the data frame is lazy; call .collect() on it first")
    if not hasattr(frame, "columns") or not hasattr(frame, "__getitem__"):
        raise DataError(
            f"{type(frame).__name__} is not a data frame; polars and pandas frames are accepted"
        )
    texts = _column(frame, text, place)
    if not texts:
        raise DataError(f"{place} has no rows; at least one is needed")
    numbers = range(first, first + len(texts))
    places = [f"{place}, row {number}" for number in numbers]

    def strings(column: str | int | None, kind: str) -> tuple[str, ...] | None:
        if column is None:
            return None
        values = _column(frame, column, place)
        return tuple(label_value(value, at, kind) for value, at in zip(values, places, strict=True))

    return Corpus(
        tuple(text_value(value, at) for value, at in zip(texts, places, strict=True)),
        labels=strings(label, "label"),
        groups=strings(group, "group"),
        names=tuple(f"{name}:{number}" for number in numbers),
    )


def _column(frame: Any, wanted: str | int, place: str) -> list[Any]:
    columns = list(frame.columns)
    index = column_index(columns, wanted, place)
    # pandas gives a frame, not a column, for a name that stands twice
    column = frame[columns[index]] if columns.count(columns[index]) == 1 else frame.iloc[:, index]
    return list(column.to_list())
