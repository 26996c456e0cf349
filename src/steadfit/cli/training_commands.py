"""The words of the commands that train a part: a language model, or a trial of rates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from steadfit.cli.table_options import Delimiter, Encoding, Quotes

Text = Annotated[str, typer.Option("--text", help="Column of the texts, where a table is given.")]
Base = Annotated[
    str,
    typer.Option(
        "--pretrained",
        "--base",
        help="Where to start: a name, a folder, auto, or none for nothing.",
    ),
]
Seed = Annotated[
    int, typer.Option("--random-state", "--seed", min=0, help="Of weights, masks and order.")
]


def _number(name: str, help: str, **more: Any) -> Any:
    return typer.Option(name, help=help, show_default="the recipe's", **more)


def lm(
    texts: Annotated[
        list[Path], typer.Argument(help="Texts: tables, .txt with a document a line, folders.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.")],
    text: Text = "text",
    base: Base = "auto",
    backwards: Annotated[
        bool, typer.Option("--backwards", help="Read each text from its end.")
    ] = False,
    epochs: Annotated[int | None, _number("--epochs", "Passes over the texts.", min=1)] = None,
    lr: Annotated[float | None, _number("--lr", "Largest rate of one cycle.")] = None,
    rows: Annotated[int | None, _number("--rows", "Texts read side by side.", min=1)] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="words or subwords.", show_default="the base's, or words"),
    ] = None,
    max_vocab: Annotated[
        int | None,
        typer.Option(
            "--vocab-size",
            "--max-vocab",
            help="Words or subwords at most.",
            show_default="the recipe's",
            min=10,
        ),
    ] = None,
    min_freq: Annotated[
        int | None, _number("--min-freq", "Times that a word of them occurs at least.", min=1)
    ] = None,
    sizes: Annotated[
        str,
        typer.Option("--sizes", help="With nothing pretrained, such as n_hid=1152,n_layers=3."),
    ] = "",
    seed: Seed = 0,
    encoding: Encoding = "utf-8",
    delimiter: Delimiter = None,
    quotes: Quotes = True,
    checkpoint_dir: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint-dir",
            help="Folder to go on from after a stop.",
            show_default="beside the model, until it is done",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model folder that stands there.")
    ] = False,
) -> None:
    """Train a language model on texts without labels; stopped, the same command goes on."""
    from steadfit.cli.layout import Layout
    from steadfit.cli.lm import run_lm
    from steadfit.recipe.settings import LanguageModelSettings

    layout = Layout.of(locals())
    given: dict[str, Any] = {
        "epochs": epochs,
        "lr": lr,
        "rows": rows,
        "max_vocab": None if tokenizer == "subwords" else max_vocab,
        "min_freq": min_freq,
    }
    how = LanguageModelSettings(**{k: v for k, v in given.items() if v is not None})
    run_lm(
        texts,
        out,
        how,
        text=text,
        base=base,
        backwards=backwards,
        sizes=sizes,
        tokenizer=tokenizer,
        pieces=max_vocab,
        seed=seed,
        layout=layout,
        checkpoints=checkpoint_dir,
        overwrite=overwrite,
    )


def lr_find(
    table: Annotated[Path, typer.Argument(help="Labelled texts: a table, or a folder.")],
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="Column of the texts; several times for several."),
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Column of the labels.")] = "label",
    label_separator: Annotated[
        str | None,
        typer.Option(
            "--label-separator", help="What stands between the labels of a text with several."
        ),
    ] = None,
    base: Base = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=2, help="Texts a step.")] = 32,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of growing rates.")] = 100,
    sizes: Annotated[
        str,
        typer.Option("--sizes", help="With nothing pretrained, such as n_hid=1152,n_layers=3."),
    ] = "",
    seed: Seed = 0,
    drop_unlabeled: Annotated[
        bool, typer.Option("--drop-unlabeled", help="Leave out rows without a label.")
    ] = False,
    encoding: Encoding = "utf-8",
    delimiter: Delimiter = None,
    quotes: Quotes = True,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw losses by rates into a .png.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, on one line.")
    ] = False,
) -> None:
    """Try growing learning rates on the head, and say where its loss falls."""
    from steadfit.cli.labelled_texts import Source
    from steadfit.cli.layout import Layout
    from steadfit.cli.lr_find import Trial, run_lr_find

    layout, columns = Layout.of(locals()), tuple(text or ("text",))
    source = Source(table, columns, label, drop_unlabeled, layout, label_separator)
    run_lr_find(source, Trial(base, batch_size, steps, sizes, seed), plot, as_json)
