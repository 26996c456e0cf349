"""Runs kept in a folder of the test, sizes that train in moments, and small texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments import __main__ as command
from experiments import _few_labels, _runs, char_lm, horizon, notebook, sweep
from experiments._characters import Characters
from experiments._stages import NotebookSize

TINY_REVIEWS = NotebookSize(
    lm_reviews=40,
    labelled_reviews=24,
    test_reviews=10,
    max_vocab=5000,
    emb_sz=8,
    n_hid=12,
    batch_size=6,
    range_test_steps=5,
)

Command = Callable[..., dict[str, Any]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep runs, and name texts, as from the project's own folder."""
    monkeypatch.chdir(_runs.ROOT)
    folder = tmp_path / "home"
    for module in (_runs, notebook, _few_labels):
        monkeypatch.setattr(module, "HOME", folder)
    return folder


@pytest.fixture
def tiny(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the sizes of `--quick` tinier still, and the reviews few."""
    for module in (char_lm, sweep):
        monkeypatch.setattr(module, "QUICK_UPDATES", 3)
        monkeypatch.setattr(module, "QUICK_UNITS", 6)
        monkeypatch.setattr(module, "QUICK_LIMIT", 12_000)
    for name, size in {"updates": 3, "units": 6, "limit": 24_000, "rows": 4, "paired": 4}.items():
        monkeypatch.setitem(horizon.QUICK, name, size)
    reviews = _few_reviews(tmp_path / "reviews")
    monkeypatch.setattr(notebook, "untar_data", lambda url: reviews)
    monkeypatch.setattr(notebook, "QUICK_SIZE", TINY_REVIEWS)


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `python -m experiments`, in this process; return what `--json` prints."""

    def run(*arguments: str) -> dict[str, Any]:
        out = ["--out", str(tmp_path / "out")]
        command.main([*arguments, "--quick", "--json", "--jobs", "1", *out])
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


@pytest.fixture
def characters() -> Characters:
    """A text of nine symbols drawn at random: two parts to judge by, one to learn from."""
    drawn = torch.randint(0, 9, (3_000,), generator=torch.Generator().manual_seed(5))
    return Characters(drawn[:2_000], drawn[2_000:2_500], drawn[2_500:], 9)


def _few_reviews(folder: Path) -> Path:
    moods = {"neg": "dull slow poor weak", "pos": "fine bright warm good"}
    for side, count in (("train", 30), ("test", 8)):
        for label, mood in moods.items():
            for i in range(count):
                file = folder / side / label / f"{i:05}.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"Film {i} of {side} was {mood} and {mood} in act {i}. " * 4)
    return folder
