"""The words of `steadfit train`: what to read, where to write, and all choices of the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _choice(help: str, default: str, **more: Any) -> Any:
    return typer.Option(help=help, show_default=default, **more)


def train(
    table: Annotated[
        Path | None, typer.Argument(help="Labelled texts: a table, or a folder.")
    ] = None,
    text: Annotated[
        list[str] | None, _choice("Column of the texts; several times for several.", "text")
    ] = None,
    label: Annotated[str | None, _choice("Column of the labels.", "label")] = None,
    label_separator: Annotated[
        str | None, _choice("What stands between the labels of a text with several.", "none")
    ] = None,
    group: Annotated[
        str | None, _choice("Column; texts that share a value are never on two sides.", "none")
    ] = None,
    weight: Annotated[
        str | None, _choice("Column of numbers; how much a text counts.", "none")
    ] = None,
    unlabeled: Annotated[
        list[Path] | None,
        typer.Option(help="More texts of the kind, for the language model; several times."),
    ] = None,
    valid: Annotated[
        Path | None,
        _choice("Labelled texts to calibrate on, not learned from.", "a part is held out"),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Labelled texts to judge by, which nothing learns from.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The model's folder to write.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model's folder that stands there.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of options, such as a model's train.toml; words go before it."
        ),
    ] = None,
    drop_unlabeled: Annotated[
        bool | None, typer.Option("--drop-unlabeled", help="Leave out rows without a label.")
    ] = None,
    encoding: Annotated[str | None, _choice("Of text files.", "utf-8")] = None,
    delimiter: Annotated[
        str | None, _choice("Character between the fields of CSV, or tab.", ",")
    ] = None,
    quotes: Annotated[bool | None, _choice("Whether quote marks enclose fields.", "quotes")] = None,
    pretrained: Annotated[
        str | None,
        _choice("Language model to begin with: auto, a name, a folder, or none.", "auto"),
    ] = None,
    language_model: Annotated[
        bool | None,
        _choice("Train the language model on the task's own texts first.", "language-model"),
    ] = None,
    lm_epochs: Annotated[
        int | None, _choice("Passes of the language model over its texts.", "the recipe's", min=1)
    ] = None,
    backwards: Annotated[
        str | None, _choice("Read texts from their end: no, yes, or both ways, averaged.", "no")
    ] = None,
    tokenizer: Annotated[
        str | None, _choice("words or subwords.", "words, or the base's subwords")
    ] = None,
    vocab_size: Annotated[
        int | None, _choice("Words or pieces at most.", "the recipe's", min=10)
    ] = None,
    schedule: Annotated[str | None, _choice("one-cycle or gradual.", "one-cycle")] = None,
    lr: Annotated[
        str | None, _choice("Largest rate of the head, or find: a range test.", "the recipe's")
    ] = None,
    lm_lr: Annotated[
        str | None, _choice("Largest rate of the language model, or find.", "the recipe's")
    ] = None,
    epochs: Annotated[
        int | None,
        _choice("Of each phase; the last has two or three times as many.", "by texts", min=1),
    ] = None,
    batch_size: Annotated[int | None, _choice("Texts of a step.", "the recipe's", min=2)] = None,
    drop_mult: Annotated[float | None, _choice("Scales all dropouts.", "the recipe's")] = None,
    alpha: Annotated[float | None, _choice("Coefficient of AR.", "the recipe's")] = None,
    beta: Annotated[float | None, _choice("Coefficient of TAR.", "the recipe's")] = None,
    beta_norm: Annotated[
        float | None, _choice("Coefficient of the norm stabilizer.", "the recipe's")
    ] = None,
    class_weight: Annotated[str | None, _choice("balanced, or none.", "none")] = None,
    label_smoothing: Annotated[float | None, _choice("0 to below 1.", "0")] = None,
    average_weights: Annotated[
        bool | None,
        _choice("End each phase with the mean of its later weights.", "no-average-weights"),
    ] = None,
    multi_label: Annotated[
        bool | None, _choice("A text may have several labels.", "by --label-separator")
    ] = None,
    held_out: Annotated[float | None, _choice("Share of the texts to calibrate on.", "0.1")] = None,
    refit: Annotated[
        bool | None, _choice("Train again on all texts at the end.", "no-refit")
    ] = None,
    early_stopping: Annotated[
        bool | None, _choice("Stop where texts held out get no better.", "no-early-stopping")
    ] = None,
    calibrate: Annotated[
        bool | None, _choice("Temper probabilities on texts held out.", "calibrate")
    ] = None,
    blend: Annotated[str | None, _choice("With NBSVM: auto, always or none.", "auto")] = None,
    self_training: Annotated[
        float | None, _choice("Share of --unlabeled that NBSVM is taught on.", "1")
    ] = None,
    metric: Annotated[
        str | None, _choice("Tune thresholds for accuracy, macro-f1, …, f1:CLASS.", "none")
    ] = None,
    abstain_below: Annotated[
        float | None, _choice("Give no label where none is as probable.", "0")
    ] = None,
    max_minutes: Annotated[float | None, _choice("Minutes to train at most.", "no limit")] = None,
    random_state: Annotated[
        int | None,
        typer.Option(
            "--random-state", "--seed", help="Of all that is drawn.", show_default="0", min=0
        ),
    ] = None,
    checkpoint_dir: Annotated[
        Path | None, _choice("Folder to go on from.", "beside the model, until it is done")
    ] = None,
    sizes: Annotated[
        str | None,
        _choice("With nothing pretrained, such as n_hid=1152,n_layers=3.", "none"),
    ] = None,
) -> None:
    """Train a classifier by the whole recipe; stopped, the same command goes on."""
    words = {name: value for name, value in locals().items() if value is not None}
    for name in ("overwrite", "config"):
        words.pop(name, None)
    from steadfit.cli.train import run_train
    from steadfit.cli.train_options import resolved

    options = resolved(words, config)
    for name in ("table", "out"):
        if name not in options:
            raise typer.BadParameter(f"{'--' * (name == 'out')}{name} is missing")
    run_train(options, overwrite)
