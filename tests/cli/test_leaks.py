"""Nothing is learned from a test file, and what stands on two sides is told before training."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadfit.cli.train import run_train
from steadfit.cli.train_options import resolved
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.inference.ensemble_folder import load_ensemble
from tests.cli.conftest import CLASSES, SIZES, reviews, write_csv

OPTIONS = {
    "text": "review",
    "label": "sentiment",
    "pretrained": "none",
    "lm_epochs": 1,
    "epochs": 1,
    "metric": "macro-f1",
    "sizes": SIZES,
}


def written(folder: Path) -> dict[str, bytes]:
    """Return all files of a model but those that hold a path, a time or the test's figures."""
    # A configuration has a checksum of the metrics, among which are the seconds of the training.
    left_out = {"train.toml", "test.json", "README.md", "classifier.json", "metrics.json"}
    left_out.add("config.json")
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if file.name not in left_out
    }


def test_a_model_is_the_same_whatever_its_test_file_holds(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "labelled.csv", reviews(60))
    other = [
        {**row, "review": "zebra " + row["review"][::-1], "sentiment": CLASSES[place == 0]}
        for place, row in enumerate(reviews(30, seed=1))
    ]
    models = []
    for name, rows in [("none", None), ("other", other)]:
        words = {"table": table, "out": tmp_path / name}
        if rows is not None:
            words["test"] = write_csv(tmp_path / f"{name}.csv", rows)
        run_train(resolved({**OPTIONS, **words}, None), overwrite=False)
        made = load_ensemble(tmp_path / name)
        models.append((written(tmp_path / name), made.scale, made.weight, made.decision))
    assert "forward/model.safetensors" in models[0][0]
    assert models[0] == models[1]


def test_leaks_are_told_before_training_with_how_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(Exception):
        pass

    def stopped(*_: object, **__: object) -> None:
        raise Stopped

    monkeypatch.setattr(TextClassifier, "fit", stopped)
    rows = reviews(40)
    near = {**rows[0], "review": rows[0]["review"].upper() + "!"}
    test = [near, rows[1], *reviews(10, seed=1)]
    words = {
        "table": write_csv(tmp_path / "labelled.csv", rows),
        "valid": write_csv(tmp_path / "valid.csv", [rows[2], *reviews(5, seed=2)]),
        "test": write_csv(tmp_path / "test.csv", test),
        "unlabeled": [str(write_csv(tmp_path / "more.csv", test[2:6]))],
        "out": tmp_path / "model",
    }
    with pytest.raises(Stopped):
        run_train(resolved({**OPTIONS, **words}, None), overwrite=False)
    said = capsys.readouterr().out
    assert "that also stand in training: 3 (pairs train–test 2, train–valid 1)" in said
    assert "4 documents of the test file stand among the texts without labels" in said
    assert not (tmp_path / "model").exists()
