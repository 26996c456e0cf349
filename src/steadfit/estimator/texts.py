"""Texts as people hold them: lists, series, columns of tables, records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.estimator.frames import columns_of
from steadfit.text.fields import join_fields, text_columns
from steadfit.text.lazy_strings import LazyStrings
from steadfit.text.values import is_missing


def texts_of(
    given: Any,
    columns: str | Sequence[str] | None = None,
    what: str = "texts",
    least: int = 1,
) -> Sequence[str]:
    """Return one string a document.

    Args:
        given: a sequence of strings; with `columns` a data frame (whatever has `columns` and gives
            one when indexed), a dictionary of columns, or a sequence of dictionaries.
        columns: those that hold the texts; several are joined as fields (see `join_fields`).
        what: they are called in messages.
        least: so many are needed, 1 or 0.

    Raises:
        DataError: something else, too few texts, a column that is not there or of another length,
            or a text that is missing or no string.
    """
    if columns is None:
        return _checked(_one_column(given), what, least)
    names = text_columns(columns)
    parts = [_checked(_column(given, name), f"{what} (column {name!r})", least) for name in names]
    if len(parts) == 1:
        return parts[0]
    if len({len(part) for part in parts}) > 1:
        sizes = zip(names, map(len, parts), strict=True)
        lengths = ", ".join(f"{name!r} {size:,}" for name, size in sizes)
        raise DataError(f"Columns have different lengths ({lengths}); one text a row is needed.")
    return [join_fields(row) for row in zip(*parts, strict=True)]


def _one_column(given: Any) -> Iterable[Any]:
    if isinstance(given, str):
        raise DataError("One string was given as texts; give a list of texts: [text].")
    there = _columns(given)
    if there is not None:
        raise DataError(
            f"A table was given as texts (columns {shown(there)}); say text='...' in the "
            "constructor, the column that holds them, or a list of columns."
        )
    if getattr(given, "ndim", 1) != 1:
        raise DataError(
            f"Texts were given in the shape {given.shape}; Reshape your data: accepted is one "
            "string a document, (documents,)."
        )
    if not isinstance(given, Iterable):
        raise DataError(f"texts is {shown(given)}; a sequence of strings is accepted.")
    return given


def _column(given: Any, name: str) -> Iterable[Any]:
    there = _columns(given)
    if there is not None:
        if name not in there:
            raise DataError(f"There is no column {name!r}; the columns are {shown(there)}.")
        return _values(given[name], name)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError(
            f"text={name!r} names a column, but {shown(given)} was given; a data frame, a "
            "dictionary of columns or a list of dictionaries is accepted."
        )
    return [_of_record(record, name, row) for row, record in enumerate(given)]


def _columns(given: Any) -> list[Any] | None:
    return list(given) if isinstance(given, Mapping) else columns_of(given, "Texts")


def _values(column: Any, name: str) -> Iterable[Any]:
    if (there := _columns(column)) is not None:
        raise DataError(
            f"Column {name!r} is a table itself, of the columns {shown(there)}; one string a "
            "document is needed. Give each column a name of its own."
        )
    flat = isinstance(column, Iterable) and getattr(column, "ndim", 1) == 1
    if isinstance(column, str) or not flat:
        raise DataError(
            f"Column {name!r} is {shown(column)}; a sequence of strings is accepted, one a "
            f"document: {{{name!r}: [text]}}."
        )
    found: Iterable[Any] = column
    return found


def _of_record(record: Any, name: str, row: int) -> Any:
    if not isinstance(record, Mapping):
        raise DataError(
            f"text={name!r} names a column, but document {row} is {shown(record)}; a dictionary "
            "with that key is accepted."
        )
    if name not in record:
        raise DataError(f"Document {row} has no {name!r}; it has {shown(list(record))}.")
    return record[name]


def _checked(values: Iterable[Any], what: str, least: int) -> Sequence[str]:
    if isinstance(values, LazyStrings):  # strings already, made when they are asked for
        return values
    texts = list(values)
    if len(texts) < least:
        raise DataError(f"No {what} were given: 0 sample(s), 1 is needed.")
    missing = [row for row, text in enumerate(texts) if is_missing(text)]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(texts):,} {what} are missing (None or NaN; the first is "
            f"row {missing[0]}). Fill them with '', or leave these rows out."
        )
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Row {row} of {what} is {shown(text)} ({type(text).__name__}); strings are "
                "accepted."
            )
    return texts
