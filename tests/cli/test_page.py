"""The commands on the page about the command line run, one after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from steadfit.cli.toml_file import tomllib
from steadfit.cli.train_options import resolved
from tests.cli.conftest import SIZES, Run, reviews, write_csv

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
_SMALL = ",".join(f"{name}={size}" for name, size in SIZES.items())
QUICK = {  # what a page would not say: so little that a test has time for it
    "train": f"--schedule one-cycle --epochs 1 --lm-epochs 1 --sizes {_SMALL}",
    "lm": f"--epochs 1 --base none --sizes {_SMALL}",
    "lr-find": f"--base none --steps 12 --sizes {_SMALL}",
}


def test_every_command_runs(steadfit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "reviews.csv", reviews(40))
    write_csv(tmp_path / "test.csv", reviews(10, seed=1))
    write_csv(tmp_path / "new.csv", reviews(5, seed=2))
    (tmp_path / "more.txt").write_text("\n".join(row["review"] for row in reviews(40, seed=3)))
    for command in COMMANDS:
        words = shlex.split(command)
        if "<" in words:  # a shell's work; tests/cli/test_predict.py has a dash for both
            continue
        assert words[0] == "steadfit"
        extra = shlex.split(QUICK.get(words[1], ""))
        if words[1] == "train" and not {"--config", "--pretrained"} & {*words}:
            extra += ["--pretrained", "none"]
        ended = steadfit(*words[1:], *extra)
        assert ended.status == 0, (command, ended)
    for name in ("model/train.toml", "model/test.json", "scored.csv", "why.html", "rates.png"):
        assert (tmp_path / name).is_file()


def test_the_options_on_the_page_are_options(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "a.toml").write_text(block)
    found = resolved({}, tmp_path / "a.toml")
    assert tomllib.loads(block).items() <= found.items()


def test_the_page_names_every_command(steadfit: Run) -> None:
    commands = re.findall(r"^│ ([a-z][a-z-]+) ", steadfit("--help").out, re.MULTILINE)
    assert {"train", "predict", "lm", "info"} <= {*commands}
    assert [name for name in commands if f"`{name}`" not in PAGE and f" {name} " not in PAGE] == []
