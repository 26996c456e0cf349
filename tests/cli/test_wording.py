"""Messages of the rooms say on the command line what is to be typed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from steadfit.cli.main import app
from steadfit.cli.wording import as_words
from tests.cli.conftest import Run, refused, reviews, write_csv

MESSAGES = [
    ("leave them out with drop_unlabeled=True", "leave them out with --drop-unlabeled"),
    ("language_model=False or less", "--no-language-model or less"),
    ("such as encoding='cp1252'", "such as --encoding cp1252"),
    ("pass delimiter=';'", "pass --delimiter ';'"),
    ("give separator='|', and", "give --label-separator '|', and"),
    ("or pass quotes=False", "or pass --no-quotes"),
    ("or give another checkpoint_dir.", "or give another --checkpoint-dir."),
    ("the columns are 'id' (or give a number from 0 to 3)", "the columns are 'id'"),
    ("max_minutes is 0.2, but", "--max-minutes is 0.2, but"),
    (
        "blend is 'yes'; accepted are 'auto' and None.",
        "--blend is 'yes'; accepted are 'auto' and none.",
    ),
    ("n_hid is 0; accepted are 1 to 9.", "n_hid is 0; accepted are 1 to 9."),
    ("text is a word here", "text is a word here"),
    ("no column 'drop_unlabeled'", "no column 'drop_unlabeled'"),
    ("the text is 'a=b or overwritten'", "the text is 'a=b or overwritten'"),
]


@pytest.mark.parametrize(("said", "words"), MESSAGES)
def test_an_argument_of_python_becomes_an_option(said: str, words: str) -> None:
    assert as_words(said) == words


def test_what_predict_and_evaluate_ask_for_are_options_of_theirs(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    scored = tmp_path / "scored.csv"
    assert steadfit("predict", model, table, "--out", scored).status == 0
    assert "or give --overwrite" in refused(steadfit("predict", model, table, "--out", scored))
    again = ("predict", model, scored, "--out", tmp_path / "again.csv")
    assert "--prefix for the new ones, or give --overwrite-columns" in refused(steadfit(*again))
    assert steadfit(*again, "--overwrite-columns").status == 0
    other = write_csv(tmp_path / "b.csv", [{**reviews(1)[0], "sentiment": "odd"}, *reviews(4)])
    message = refused(steadfit("evaluate", model, other))
    assert "classes=" not in message
    assert "leave such documents out" in message
    message = refused(steadfit("predict", model, table, "--out", "-", "--engine", "fast"))
    assert "engine is 'fast'; accepted are auto" in message
    assert "another copy" not in message


@pytest.mark.parametrize("command", ["train", "lm", "lr-find"])
def test_commands_that_train_name_base_and_seed_alike(command: str) -> None:
    found: Any = typer.main.get_command(app)
    options = {name for one in found.commands[command].params for name in one.opts}
    assert {"--pretrained", "--random-state", "--seed", "--sizes", "--text"} <= options
