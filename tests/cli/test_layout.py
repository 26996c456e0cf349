"""Tables that are laid out in another way are read by what the messages about them advise."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from steadfit.cli.layout import Layout
from steadfit.cli.toml_file import read_toml
from tests.cli.conftest import Run, ensemble, read_csv, refused, reviews
from tests.cli.test_lm import SIZES

COMMANDS = ["lm", "lr-find", "evaluate", "predict", "explain"]


def write(path: Path, delimiter: str, mark: str = "") -> Path:
    lines = [
        delimiter.join((row["id"], row["sentiment"], mark + row["review"])) for row in reviews(40)
    ]
    path.write_text("\n".join([delimiter.join(("id", "sentiment", "review")), *lines]) + "\n")
    return path


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """Return for each command what follows its table; nothing is trained for long."""
    monkeypatch.setattr("steadfit.cli.lm.train_language_model", stopped)
    columns = ("--text", "review", "--label", "sentiment")
    return {
        "lm": ("--text", "review", "--out", tmp_path / "lm", *SIZES),
        "lr-find": (*columns, "--steps", 12, *SIZES),
        "evaluate": (),
        "predict": ("--out", tmp_path / "scored.csv", "--overwrite"),
        "explain": ("--row", 2),
    }


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def call(command: str, table: Path, model: Path, words: tuple[Any, ...]) -> list[Any]:
    uses = command in ("evaluate", "predict", "explain")
    return [command, *([model] if uses else []), table, *words]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_what_the_message_advises_reads_the_table(
    steadfit: Run,
    model: Path,
    words: dict[str, tuple[Any, ...]],
    tmp_path: Path,
    command: str,
    delimiter: str,
) -> None:
    table = write(tmp_path / "t.csv", delimiter)
    given = call(command, table, model, words[command])
    advised = re.search(r"--delimiter \S+", refused(steadfit(*given)))
    assert advised is not None
    ended = steadfit(*given, *shlex.split(advised[0]))
    assert ended.status == (130 if command == "lm" else 0), ended


@pytest.mark.parametrize("command", COMMANDS)
def test_marks_that_enclose_nothing_are_read_without_quotes(
    steadfit: Run, model: Path, words: dict[str, tuple[Any, ...]], tmp_path: Path, command: str
) -> None:
    table = write(tmp_path / "t.csv", ",", '"quoted" ')
    given = call(command, table, model, words[command])
    assert "--no-quotes" in refused(steadfit(*given))
    ended = steadfit(*given, "--no-quotes")
    assert ended.status == (130 if command == "lm" else 0), ended


def test_a_table_with_another_delimiter_is_scored_as_one_with_commas(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    for name, delimiter in (("comma", ","), ("semicolon", ";")):
        table, out = write(tmp_path / f"{name}.csv", delimiter), tmp_path / f"{name}-scored.csv"
        words = ("predict", model, table, "--out", out, "--delimiter", delimiter)
        assert steadfit(*words).status == 0
    first, second = (read_csv(tmp_path / f"{name}-scored.csv") for name in ("comma", "semicolon"))
    assert first == second
    texts = [row["review"] for row in first]
    wanted = ensemble().labels(ensemble().probabilities(texts))
    assert [row["label"] for row in first] == wanted


def test_training_keeps_how_its_tables_are_laid_out(
    steadfit: Run, tiny: Path, tmp_path: Path
) -> None:
    table, out = write(tmp_path / "t.csv", ";", '"'), tmp_path / "model"
    words = ("train", table, "--config", tiny, "--no-language-model", "--blend", "none")
    words = (*words, "--unlabeled", table, "--test", table, "--out", out)
    ended = steadfit(*words, "--delimiter", ";", "--no-quotes")
    assert ended.status == 0, ended
    kept = read_toml(out / "train.toml")
    assert (kept["delimiter"], kept["quotes"]) == (";", False)
    ended = steadfit("train", "--config", out / "train.toml", "--out", tmp_path / "again")
    assert ended.status == 0, ended
    found = steadfit("evaluate", out, table, "--delimiter", ";", "--no-quotes", "--json").out
    assert json.loads(found)["accuracy"] == json.loads((out / "test.json").read_text())["accuracy"]


@pytest.mark.parametrize("word", ["tab", r"\t", "\t"])
def test_a_tab_can_be_typed(word: str) -> None:
    assert Layout.of({"delimiter": word, "quotes": False}) == ("utf-8", None, "\t", False)
