"""Where a command finds texts without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from steadfit.cli.layout import Layout
from steadfit.text.fields import join_fields, text_columns
from steadfit.text.readers import read_corpus
from steadfit.text.stream_lines import is_stream
from steadfit.text.table_formats import FOLDER, LINES
from steadfit.text.table_rows import TEXT, check_keys, rows
from steadfit.text.values import text_value


def unlabelled(place: Path, columns: Sequence[str], layout: Layout) -> Sequence[str]:
    """Return the texts of a table, a .txt file or a folder; large files are read when asked for.

    Blank lines of plain text are no documents, packed or not.

    Raises:
        DataError: they cannot be read, or a row has none.
    """
    names = text_columns(columns)
    if len(names) == 1 and not is_stream(place):
        encoding, _, delimiter, quotes = layout
        found = read_corpus(place, names[0], encoding=encoding, delimiter=delimiter, quotes=quotes)
        return found.texts
    table = rows(place, **layout.arguments())
    if table.format in (LINES, FOLDER):
        names = (TEXT,)
    table.require(names)
    texts = []
    for record in table:
        check_keys(table, record, names)
        if table.format == LINES and not record[TEXT].strip():
            continue
        texts.append(join_fields([text_value(record[name], table.where) for name in names]))
    return texts
