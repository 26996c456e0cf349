"""Small tables and figures for whoever looks: in Jupyter, in a terminal, behind a pipe."""

from __future__ import annotations

import html
import importlib
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from steadfit.core.console import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Show a table where the reader is: HTML in Jupyter, drawn in a terminal, else with tabs.

    Cells are texts of strangers: what is not printable (line ends, terminal control, marks that
    turn the direction of writing) is shown escaped, and HTML and markup mean nothing in them.
    """
    cells = [[_printable(str(cell)) for cell in row] for row in rows]
    if _in_jupyter():
        display = importlib.import_module("IPython.display")
        display.display(display.HTML(html_table(columns, cells)))
    elif sys.stdout.isatty():
        _draw(columns, cells)
    else:
        for line in (columns, *cells):
            say("\t".join(line))


def shown(figure: Figure) -> Figure:
    """Display a figure where a notebook is running; a script gets it as a value."""
    if _in_jupyter():
        display = importlib.import_module("IPython.display")
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=100)
        display.display(display.Image(png.getvalue()))
    return figure


def html_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table in which no cell can be more than text."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        '<table border="1" class="dataframe" style="text-align: left">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _in_jupyter() -> bool:
    # IPython is no dependency: where it runs, it is imported already.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, show_lines=True)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
