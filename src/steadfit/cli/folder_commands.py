"""The words of the commands that look at a model's folder, or write another of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[Path, typer.Argument(help="A model's folder.", show_default=False)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a model's folder that stands there.")
]
AsJSON = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, on one line, instead of tables.")
]


def info(model: Model, as_json: AsJSON = False) -> None:
    """Tell what a model's folder holds: classes, sizes, format, and what it has read."""
    from steadfit.cli.info import run_info

    run_info(model, as_json)


def layers(model: Model, as_json: AsJSON = False) -> None:
    """List a model's layers, their weights, and the groups that freezing and rates go by."""
    from steadfit.cli.layers import run_layers

    run_layers(model, as_json)


def export(
    model: Model,
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Matrices of LSTMs in int8, all else in float16.")
    ] = False,
    float16: Annotated[bool, typer.Option("--float16", help="Half the size.")] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="The graph of one network, for ONNX Runtime.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a copy of a model in fewer bytes, or as an ONNX graph."""
    if onnx and float16:
        raise typer.BadParameter("--onnx takes --int8, not --float16")
    if int8 and float16:
        raise typer.BadParameter("--int8 and --float16 exclude each other")
    from steadfit.cli.export import run_export

    run_export(model, out, int8=int8, float16=float16, onnx=onnx, overwrite=overwrite)


def import_fastai(
    weights: Annotated[
        Path, typer.Argument(help="What fastai 1 or 2 saved: a language model or an encoder, .pth.")
    ],
    vocab: Annotated[Path, typer.Argument(help="Its words: the list itos, .pkl.")],
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.")],
    backwards: Annotated[
        bool,
        typer.Option("--backwards", help="It reads texts from their end; bwd in a name says so."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Make a model folder of fastai's weights, without unpickling them."""
    from steadfit.cli.import_fastai import run_import

    run_import(weights, vocab, out, backwards, overwrite)
