"""How scored rows are written: as CSV, TSV or JSON lines, and at last as Parquet."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Any

from steadfit.core.errors import DataError
from steadfit.text.parquet_rows import polars_or_error
from steadfit.text.table_formats import CSV, JSONL, PARQUET, TSV

OUT_FORMATS = (CSV, TSV, JSONL, PARQUET)
# Made once, and not for each row.
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode
_GROUP = 1 << 14  # rows
WriteRow = Callable[[Mapping[str, Any]], str]


def row_writer(format: str, columns: Sequence[str]) -> WriteRow:
    """Return a function that makes a line, with its end, of a row; JSON lines for Parquet."""
    if format == JSONL:
        return _json_line
    if format == PARQUET:
        return lambda row: _json_line({name: _held(row.get(name)) for name in columns})
    delimiter = "\t" if format == TSV else ","
    return lambda row: delimiter.join(_field(row.get(name), delimiter) for name in columns) + "\n"


def header(format: str, columns: Sequence[str]) -> str:
    """Return what stands before the first row."""
    if format not in (CSV, TSV):
        return ""
    return row_writer(format, columns)({name: name for name in columns})


def parquet_types(
    columns: Sequence[str], source: Mapping[str, Any], numbers: Sequence[str]
) -> dict[str, Any]:
    """Return polars' type of each column: of `numbers` a float, of the others what `source` says.

    Whole numbers, floats and truth values keep their type; all else is written as a string. So are
    columns that `source` leaves out, such as one that is written anew.
    """
    polars = polars_or_error("writing")

    def kept(name: str) -> Any:
        if name in numbers:
            return polars.Float64
        kind = source.get(name, polars.String)
        return kind if kind == polars.Boolean or _is_number(kind) else polars.String

    return {name: kept(name) for name in columns}


def write_parquet(lines: Path, out: Path, types: Mapping[str, Any]) -> None:
    """Write a file of JSON lines as Parquet, a row group after the other, and sync it.

    Numbers stand as strings in the lines: JSON has no infinity, and polars' reader of JSON would
    look for whole numbers in floats.
    """
    polars = polars_or_error("writing")
    texts = {
        name: kind if kind == polars.Boolean else polars.String for name, kind in types.items()
    }
    table = polars.scan_ndjson(escape(str(lines)), schema=texts)
    numbers = [polars.col(name).cast(kind) for name, kind in types.items() if _is_number(kind)]
    try:
        table.with_columns(numbers).sink_parquet(out, row_group_size=_GROUP, maintain_order=True)
        with open(out, "r+b") as file:
            os.fsync(file.fileno())
    except polars.exceptions.PolarsError as error:
        raise OSError(f"polars could not write it: {error}") from error


def _json_line(row: Mapping[str, Any]) -> str:
    return _json(row) + "\n"


def _json(value: Any) -> str:
    try:
        return _as_json(value)
    except ValueError:  # a number that JSON has not
        return _as_json(_finite(value))


def _finite(value: Any) -> Any:
    """Return a value with None for each number, however deep, that is infinite or none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def _field(value: Any, delimiter: str) -> str:
    text = _as_text(value)
    if "\0" in text:
        raise DataError("a NUL character cannot stand in a CSV or TSV file; write .jsonl instead")
    if delimiter in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _held(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return _json(value)
    return str(value)  # of a float, the shortest digits that give it back


def _is_number(kind: Any) -> bool:
    return bool(kind.is_integer() or kind.is_float())
