"""Tables of results for a terminal or a log file."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TextIO

from rich.cells import cell_len

from steadfit.core.errors import DataError

Value = str | float | None

MISSING = "–"


class Column(NamedTuple):
    """One column: the key of its values, its heading, and how numbers are written.

    `format` is a format specification such as ".1%"; whole numbers without one get commas,
    others four significant digits.
    """

    key: str
    heading: str = ""
    format: str = ""


def print_table(
    rows: Sequence[Mapping[str, Value]],
    columns: Sequence[Column | str],
    file: TextIO | None = None,
) -> None:
    """Write rows as an aligned table: coloured on a terminal, plain text anywhere else.

    Args:
        rows: values by key; what is missing, None or not a number is written as –.
        columns: in their order; a string stands for a column of that key and heading.
        file: where to; standard output if None.

    Raises:
        DataError: no columns.
    """
    file = sys.stdout if file is None else file
    if file.isatty():
        _write_rich(rows, columns, file)
    else:
        text = comparison_table(rows, columns) + "\n"
        encoding = getattr(file, "encoding", None) or "utf-8"
        # A log file of an old code page must not end a run that is otherwise done.
        file.write(text.encode(encoding, "replace").decode(encoding))


def comparison_table(rows: Sequence[Mapping[str, Value]], columns: Sequence[Column | str]) -> str:
    """Return rows as plain text: columns two spaces apart, numbers to the right.

    Raises:
        DataError: no columns.
    """
    headings, body, to_right = _cells(rows, columns)
    lines = [headings, *body]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(headings))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(_line(cells, widths, to_right) for cells in lines)


def _write_rich(
    rows: Sequence[Mapping[str, Value]], columns: Sequence[Column | str], file: TextIO
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headings, body, to_right = _cells(rows, columns)
    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for heading, right in zip(headings, to_right, strict=True):
        table.add_column(Text(heading), justify="right" if right else "left")
    for cells in body:
        table.add_row(*map(Text, cells))  # Text: brackets in a name are no markup
    Console(file=file).print(table)


def _cells(
    rows: Sequence[Mapping[str, Value]], columns: Sequence[Column | str]
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Return headings, written values, and which columns hold numbers only."""
    if not columns:
        raise DataError("No columns were named: name at least one, by its key in the rows.")
    named = [Column(column) if isinstance(column, str) else column for column in columns]
    body = [[_written(row.get(column.key), column.format) for column in named] for row in rows]
    to_right = []
    for column in named:
        values = [row.get(column.key) for row in rows]
        known = [value for value in values if value is not None]
        to_right.append(bool(known) and not any(isinstance(value, str) for value in known))
    return [column.heading or column.key for column in named], body, to_right


def _written(value: Value, spec: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, str):
        return value
    if spec:
        return format(value, spec)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _line(cells: Sequence[str], widths: Sequence[int], to_right: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, to_right, strict=True):
        blank = " " * (width - cell_len(cell))
        padded.append(blank + cell if right else cell + blank)
    return "  ".join(padded).rstrip()
