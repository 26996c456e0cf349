"""The words of the commands that use a classifier: evaluate, predict, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steadfit.cli.folder_commands import AsJSON, Model
from steadfit.cli.table_options import Delimiter, Encoding, Format, Quotes, Separator

Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        help="Column of the texts; several times for several, read as fields.",
        show_default="as in training",
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", help="Column of the labels.", show_default="as in training"),
]
Engine = Annotated[
    str,
    typer.Option("--engine", help="Numbers to read in: auto, float32, bf16 or int8."),
]


def evaluate(
    model: Model,
    table: Annotated[Path, typer.Argument(help="Labelled texts: a table, or a folder.")],
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Another model's folder, tested on the same texts."),
    ] = None,
    text: Text = None,
    label: Label = None,
    drop_unlabeled: Annotated[
        bool, typer.Option("--drop-unlabeled", help="Leave out rows without a label.")
    ] = False,
    label_separator: Separator = None,
    engine: Engine = "auto",
    encoding: Encoding = "utf-8",
    format: Format = None,
    delimiter: Delimiter = None,
    quotes: Quotes = True,
    as_json: AsJSON = False,
) -> None:
    """Judge a classifier on labelled texts, with intervals, or test it against another."""
    from steadfit.cli.evaluate import run_evaluate
    from steadfit.cli.labelled_texts import Source
    from steadfit.cli.layout import Layout

    layout = Layout.of(locals())
    source = Source(table, tuple(text or ()), label, drop_unlabeled, layout, label_separator)
    run_evaluate(model, source, against, engine, as_json)


def predict(
    model: Model,
    table: Annotated[
        str, typer.Argument(help="Texts: a table, .txt lines, a folder, or - for standard input.")
    ],
    out: Annotated[
        str, typer.Option("--out", help=".csv, .tsv, .jsonl, .parquet, or - for standard output.")
    ],
    text: Text = None,
    engine: Engine = "auto",
    abstain_below: Annotated[
        float | None,
        typer.Option(
            "--abstain-below",
            min=0.0,
            max=1.0,
            help="Leave the label empty where the likeliest class is less probable.",
            show_default="as the model has it",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    overwrite_columns: Annotated[
        bool,
        typer.Option("--overwrite-columns", help="Replace columns that have a new one's name."),
    ] = False,
    prefix: Annotated[
        str, typer.Option("--prefix", help="Stands before the names of the new columns.")
    ] = "",
    missing_as_empty: Annotated[
        bool, typer.Option("--missing-as-empty", help="Score rows without a text as empty ones.")
    ] = False,
    label_separator: Separator = None,
    encoding: Encoding = "utf-8",
    format: Format = None,
    delimiter: Delimiter = None,
    quotes: Quotes = True,
    out_format: Annotated[
        str | None,
        typer.Option(
            "--out-format",
            help="csv, tsv, jsonl or parquet.",
            show_default="by the name's ending",
        ),
    ] = None,
) -> None:
    """Label a table of any size, row by row; stopped, the same command goes on."""
    from steadfit.cli.layout import Layout
    from steadfit.cli.predict import Scoring, run_predict

    layout = Layout.of(locals())
    scoring = Scoring(
        abstain_below=abstain_below,
        overwrite=overwrite,
        overwrite_columns=overwrite_columns,
        prefix=prefix,
        missing_as_empty=missing_as_empty,
        out_format=out_format,
    )
    columns = tuple(text or ())
    run_predict(model, table, out, columns, engine, scoring, layout, label_separator)


def explain(
    model: Model,
    given: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT|TABLE]", help="A text; with --row a table that has it."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file.")] = None,
    row: Annotated[
        int | None, typer.Option("--row", min=1, help="Number of the row, from 1.")
    ] = None,
    text: Text = None,
    of_class: Annotated[
        str | None,
        typer.Option("--class", help="Class to explain.", show_default="the one predicted"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with coloured words.")
    ] = None,
    encoding: Encoding = "utf-8",
    format: Format = None,
    delimiter: Delimiter = None,
    quotes: Quotes = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a page that is there.")
    ] = False,
) -> None:
    """Show which words of a text speak for its class, and which against it."""
    if (file is None) == (given is None):
        raise typer.BadParameter("give one text: in quotes, by --file, or a table with --row")
    if row is not None and given is None:
        raise typer.BadParameter("--row needs a table")
    from steadfit.cli.explain import Wanted, run_explain
    from steadfit.cli.layout import Layout

    wanted = Wanted(given, file, row, tuple(text or ()), Layout.of(locals()))
    run_explain(model, wanted, of_class, html, overwrite)
