"""Tables: alignment, missing values, and what a log file gets."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from steadfit.core.errors import DataError
from steadfit.report.tables import Column, comparison_table, print_table

ROWS = [
    {"name": "TF-IDF", "accuracy": 0.8962, "seconds": 11.0, "tokens": 4120000},
    {"name": "steadfit", "accuracy": None, "seconds": float("nan")},
]
COLUMNS = ["name", Column("accuracy", "right", ".1%"), "seconds", "tokens"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_numbers_stand_to_the_right_and_what_is_missing_is_a_dash() -> None:
    assert comparison_table(ROWS, COLUMNS) == (
        "name      right  seconds     tokens\n"
        "--------  -----  -------  ---------\n"
        "TF-IDF    89.6%       11  4,120,000\n"
        "steadfit      –        –          –"
    )


def test_a_column_of_names_stands_to_the_left_even_beside_numbers() -> None:
    text = comparison_table([{"a": "long name"}, {"a": 1}], ["a"])
    assert text.splitlines()[2:] == ["long name", "1"]


def test_wide_letters_count_as_two() -> None:
    lines = comparison_table([{"a": "映画", "b": 1}, {"a": "film", "b": 2}], ["a", "b"]).split("\n")
    assert {cell_len(line) for line in lines} == {7}


def test_no_rows_leave_the_headings() -> None:
    assert comparison_table([], ["name"]).splitlines() == ["name", "----"]


def test_no_columns_are_refused() -> None:
    with pytest.raises(DataError, match="No columns"):
        comparison_table(ROWS, [])


def test_a_log_file_gets_the_plain_table() -> None:
    log = io.StringIO()
    print_table(ROWS, COLUMNS, log)
    assert log.getvalue() == comparison_table(ROWS, COLUMNS) + "\n"


def test_a_terminal_gets_the_same_values_and_brackets_are_no_markup() -> None:
    terminal = Terminal()
    print_table([{"name": "[bold]x[/bold]", "loss": 0.5}], ["name", "loss"], terminal)
    assert "[bold]x[/bold]" in terminal.getvalue()
    assert "0.5" in terminal.getvalue()


def test_a_file_that_cannot_write_the_dash_gets_the_rest() -> None:
    raw = io.BytesIO()
    log = io.TextIOWrapper(raw, encoding="ascii")
    print_table(ROWS, COLUMNS, log)
    log.flush()
    assert b"89.6%" in raw.getvalue()
