"""Small models and tables for the commands, and the commands themselves, in this process."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from steadfit.cli.main import main
from steadfit.cli.train import run_train
from steadfit.cli.train_options import resolved
from steadfit.files.model_folder import SavedModel
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import save_ensemble
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab

GOOD, BAD = ["great", "superb", "lovely", "fine"], ["awful", "dull", "poor", "bad"]
OTHER = ["the", "film", "was", "and", "a", "plot", "with", "actors", "in", "it", "very"]
CLASSES = ("neg", "pos")
SIZES = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
TINY = """
text = "review"
label = "sentiment"
pretrained = "none"
schedule = "one-cycle"
lm_epochs = 1
epochs = 1
blend = "always"
sizes = {emb_sz = 8, n_hid = 12, n_layers = 2}
"""


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    error: str


Run = Callable[..., Ended]


@pytest.fixture
def steadfit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line as its users do, and return how it ended."""
    monkeypatch.delenv("STEADFIT_DEBUG", raising=False)

    def run(*words: object) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["steadfit", *map(str, words)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Ended(status, *capsys.readouterr())

    return run


def refused(ended: Ended) -> str:
    """Return the message of a command that a user's error ended."""
    assert ended.status == 1, ended
    last = ended.error.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Traceback" not in ended.error
    return last.removeprefix("error: ")


def reviews(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return rows whose words tell their label."""
    draw = np.random.default_rng(seed)
    rows = []
    for place in range(count):
        label = CLASSES[place % 2]
        words = [
            str(draw.choice((GOOD if label == "pos" else BAD) if draw.random() < 0.3 else OTHER))
            for _ in range(draw.integers(5, 30))
        ]
        rows.append({"id": str(place), "review": " ".join(words), "sentiment": label})
    return rows


def write_csv(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ensemble(seed: int = 0, weight: float = 0.25, **decision: object) -> Ensemble:
    """Return a network with its first weights, and an NBSVM that was trained."""
    vocab = Vocab([*MARKERS, *GOOD, *BAD, *OTHER])
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 1.0, SIZES)
    generator = torch.Generator().manual_seed(seed)
    network = TextClassifier(config, len(CLASSES), generator=generator).eval()
    saved = SavedModel(network, Tokenizer(vocab), CLASSES)
    learned = reviews(40, seed=9)
    linear = fit_nbsvm(
        [row["review"] for row in learned],
        [row["sentiment"] for row in learned],
        classes=CLASSES,
        calibrated=True,
    )
    alone = weight == 1
    details = {"data": {"documents": 40, "fingerprint": "abc"}, "figures": {"documents": 8}}
    return Ensemble(
        (saved,),
        Decision(CLASSES, **decision),  # type: ignore[arg-type]
        1.5,
        None if alone else linear,
        weight,
        details,
        "float32",
    )


def of_many_labels(classes: tuple[str, ...] = CLASSES, seed: int = 0) -> Ensemble:
    """Return a network with its first weights that gives a text any number of labels."""
    vocab = Vocab([*MARKERS, *GOOD, *BAD, *OTHER])
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 1.0, SIZES)
    generator = torch.Generator().manual_seed(seed)
    network = TextClassifier(config, len(classes), generator=generator, multi_label=True).eval()
    saved = SavedModel(network, Tokenizer(vocab), classes)
    # Fresh weights say nearly the same of all texts: some get the first label, all the second.
    decision = Decision(classes, (0.4439, 0.3), multi_label=True)
    return Ensemble((saved,), decision, engine="float32")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a classifier's folder that read its texts from `review` and labels from `sentiment`."""
    folder = tmp_path_factory.mktemp("model") / "model"
    save_ensemble(folder, ensemble())
    (folder / "train.toml").write_text('text = ["review"]\nlabel = "sentiment"\n')
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "reviews.csv", reviews(30))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)
    return file


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "labelled.csv", reviews(60))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Train once; return the model and the folder of its tables."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(TINY)
    write_csv(folder / "labelled.csv", reviews(60))
    write_csv(folder / "test.csv", reviews(20, seed=1))
    words = {name: folder / f"{name}.csv" for name in ("test",)}
    words |= {"table": folder / "labelled.csv", "out": folder / "model"}
    run_train(resolved(words, folder / "tiny.toml"), overwrite=False)
    return folder / "model", folder
