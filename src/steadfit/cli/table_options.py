"""Options that say how tables are laid out, alike in all commands that read some."""

from __future__ import annotations

from typing import Annotated

import typer

Encoding = Annotated[str, typer.Option("--encoding", help="Of text files.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="csv, tsv, jsonl, parquet, txt or folder.",
        show_default="by the name's ending",
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter", help="Character between the fields of CSV, or tab.", show_default=","
    ),
]
Quotes = Annotated[
    bool, typer.Option("--quotes/--no-quotes", help="Whether quote marks enclose fields.")
]
Separator = Annotated[
    str | None,
    typer.Option(
        "--label-separator",
        help="What stands between the labels of a text with several.",
        show_default="as in training",
    ),
]
