"""`steadfit explain`: which words moved a decision."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from steadfit.cli.labelled_texts import text_columns_of
from steadfit.cli.layout import Layout
from steadfit.cli.model_folder import read_classifier
from steadfit.cli.places import refuse_existing
from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.inference.explain_ensemble import explain_ensemble
from steadfit.report.explanation import render_html, render_terminal
from steadfit.text.fields import join_fields
from steadfit.text.file_texts import read_text
from steadfit.text.table_rows import check_keys, rows
from steadfit.text.values import text_value


@dataclass(frozen=True)
class Wanted:
    """The text to explain: as it is given, in a file, or in a row of a table, from 1."""

    given: str | None
    file: Path | None
    row: int | None
    columns: tuple[str, ...]
    layout: Layout

    def read(self, folder: Path) -> str:
        """Return the text.

        Raises:
            DataError: no such file, column or row.
        """
        if self.file is not None:
            return read_text(self.file, self.layout.encoding)
        assert self.given is not None
        if self.row is None:
            if _is_file(self.given):
                raise DataError(
                    f"{self.given} is a file. Give --file {shlex.quote(self.given)} to explain the "
                    "text in it, or --row with the number of a row, if it is a table."
                )
            return self.given
        table = rows(self.given, **self.layout.arguments())
        names = self.columns or text_columns_of(folder, self.given, self.layout.format)
        table.require(names)
        record = next(islice(table, self.row - 1, None), None)
        if record is None:
            raise DataError(f"{self.given} has {table.number:,} rows, and no row {self.row:,}")
        check_keys(table, record, names)
        return join_fields([text_value(record[name], table.where) for name in names])


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or not one
        return False


def run_explain(
    folder: Path, wanted: Wanted, label: str | None, html: Path | None, overwrite: bool
) -> None:
    """Print the explanation, and write it as a page if one is named.

    Raises:
        SteadfitError: no such model, text or class; the page is there already.
    """
    if html is not None:
        refuse_existing(html, overwrite)
    text = wanted.read(folder)
    found = explain_ensemble(read_classifier(folder, "float32"), text, label)
    render_terminal(found)
    if html is not None:
        say(f"wrote {render_html(found, html)}")
