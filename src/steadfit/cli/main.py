"""The command `steadfit`: its commands, and how it ends when something is wrong."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from steadfit.cli.folder_commands import export, import_fastai, info, layers
from steadfit.cli.train_command import train
from steadfit.cli.training_commands import lm, lr_find
from steadfit.cli.use_commands import evaluate, explain, predict
from steadfit.cli.wording import as_words
from steadfit.core.errors import SteadfitError
from steadfit.core.waiting import wait_briefly

# Commands import the heavy rooms inside, so that help and version come at once.
app = typer.Typer(
    name="steadfit",
    help="Train text classifiers by transfer learning from recurrent language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; a user's error becomes one line on standard error and status 1.

    `STEADFIT_DEBUG=1` shows where it came from. An interrupt from the keyboard gives 130.
    """
    wait_briefly(os.environ)
    if isinstance(sys.stdout, TextIOWrapper):
        # What it cannot show, such as a name that is not UTF-8, as standard error shows it.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except SteadfitError as error:
        if os.environ.get("STEADFIT_DEBUG") == "1":
            raise
        message = as_words(" ".join(str(error).split()))
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        # typer does the same for one inside a command; this one came before or after.
        sys.exit(130)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"steadfit {version('steadfit')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="About a minute on two cores: too few reviews to learn much from."
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the results as one JSON object on the last line.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the model, the figures and the results.")
    ] = Path("runs/demo"),
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The same seed gives the same results.")
    ] = 0,
    checkpoint_dir: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint-dir",
            help="Folder for checkpoints: stopped, the same command goes on from them.",
        ),
    ] = None,
) -> None:
    """Classify movie reviews from raw text to a saved model, beside a linear baseline."""
    from steadfit.cli.demo import run_demo

    run_demo(quick=quick, as_json=json, out=out, seed=seed, checkpoint_dir=checkpoint_dir)


@app.command()
def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on one line instead of a table.")
    ] = False,
) -> None:
    """Show what this machine offers, what of it is used, and what is lost."""
    from steadfit.cli.doctor import run_doctor

    run_doctor(as_json=json)


for _command in (
    train, evaluate, predict, explain, lm, lr_find, layers, export, import_fastai, info,
):  # fmt: skip
    app.command()(_command)
