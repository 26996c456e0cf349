"""A table becomes a classifier's folder; what stands in its way is told before work is lost."""

from __future__ import annotations

import errno
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from steadfit.cli import train_command
from steadfit.cli.toml_file import read_toml
from steadfit.cli.train_options import parameter_names, resolved
from steadfit.cli.train_results import print_held_out
from steadfit.inference.ensemble_folder import load_ensemble
from steadfit.training.stages import Stage
from tests.cli.conftest import Run, read_csv, refused, reviews, write_csv


def test_the_folder_predicts_without_naming_columns_again(
    steadfit: Run, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    model, folder = trained
    ended = steadfit("predict", model, folder / "test.csv", "--out", tmp_path / "scored.csv")
    assert ended.status == 0, ended
    found = read_csv(tmp_path / "scored.csv")
    assert sum(row["label"] == row["sentiment"] for row in found) >= 15


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"weight_of_the_network": 0.3}, "The mixture predicts: 30% network, 70% NBSVM."),
        ({"weight_of_the_network": 0.0}, "NBSVM alone predicts: the mixture is worse than it"),
        ({"weight_of_the_network": 1.0}, "The network alone predicts: the mixture is worse"),
    ],
)
def test_what_predicts_is_said(
    figures: dict[str, float], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {"accuracy": 0.5, "log_loss": 0.7}
    thresholds = {"metric": "macro-f1", "kept": False, "without": 0.5, "with": 0.6}
    parts = {"blend": part, "network": part, "thresholds": thresholds}
    held_out = {"documents": 20, **parts, **figures}
    print_held_out({"held_out": held_out, "baselines": {"nbsvm": part, "majority": 0.95}})
    written = capsys.readouterr().out
    assert said in written
    assert ("blend (not taken)" in written) == (figures["weight_of_the_network"] != 0.3)
    assert "Thresholds are not kept: macro-f1 0.500 becomes 0.600" in written
    assert "The commonest class alone is right on 95.0%: --metric macro-f1" in written


def test_the_card_says_what_the_network_is_made_of(trained: tuple[Path, Path]) -> None:
    model, _ = trained
    network = load_ensemble(model).details["network"]
    assert network["begun_with"] == "nothing"
    assert network["sizes"] == {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
    assert network["epochs_of_each_phase_at_most"] == [1, 3]
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "| begun with | nothing |" in card


def test_the_test_file_is_judged_as_evaluate_judges_it(
    steadfit: Run, trained: tuple[Path, Path]
) -> None:
    model, folder = trained
    kept = json.loads((model / "test.json").read_text(encoding="utf-8"))
    again = json.loads(steadfit("evaluate", model, folder / "test.csv", "--json").out)
    assert kept["accuracy"] == again["accuracy"]
    assert kept["against"]["model"] == "NBSVM"
    assert 0 <= kept["against"]["p_value"] <= 1


def test_the_options_beside_the_model_train_the_same_again(
    steadfit: Run, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = trained
    options = read_toml(model / "train.toml")
    assert options["text"] == ["review"]
    assert options["sizes"] == {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
    assert options["pretrained"] == "none"
    assert options["held_out"] == 0.1
    out = tmp_path / "again"
    ended = steadfit("train", "--config", model / "train.toml", "--out", out)
    assert ended.status == 0, ended
    texts = [row["review"] for row in reviews(5, seed=2)]
    first, second = (load_ensemble(one).probabilities(texts) for one in (model, out))
    assert (first == second).all()
    assert "On 20 test texts, from which nothing was learned" in ended.out
    assert "exact McNemar test" in ended.out
    assert not (tmp_path / "again.checkpoints").exists()


def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(
    steadfit: Run,
    trained: tuple[Path, Path],
    labelled: Path,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "model"
    words = ("train", labelled, "--config", tiny, "--out", out)
    save, left = Stage.save, iter(range(2))

    def stopping(stage: Stage) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        save(stage)

    monkeypatch.setattr(Stage, "save", stopping)
    ended = steadfit(*words)
    assert ended.status == 130
    assert f"Stopped. The same command goes on from {out}.checkpoints" in ended.error
    assert (ended.out + ended.error).count("Stopped") == 1
    assert not out.exists()
    monkeypatch.setattr(Stage, "save", save)
    ended = steadfit(*words)
    assert ended.status == 0, ended
    assert "goes on after step" in ended.out or "is not run again" in ended.out
    texts = [row["review"] for row in reviews(5, seed=2)]
    first, second = (load_ensemble(one).probabilities(texts) for one in (trained[0], out))
    assert (first == second).all()


def test_labels_that_are_numbers_become_names(
    steadfit: Run, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def fit(self: Any, texts: Any, labels: Any, **_: Any) -> None:
        seen.extend(labels)
        raise KeyboardInterrupt

    monkeypatch.setattr("steadfit.estimator.text_classifier.TextClassifier.fit", fit)
    table = tmp_path / "rows.jsonl"
    rows = [{**row, "sentiment": place % 2} for place, row in enumerate(reviews(6))]
    table.write_text("\n".join(map(json.dumps, rows)))
    assert steadfit("train", table, "--config", tiny, "--out", tmp_path / "m").status == 130
    assert seen == ["0", "1"] * 3


def test_columns_and_files_reach_the_estimator(
    steadfit: Run, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def fit(self: Any, texts: Any, labels: Any, **given: Any) -> None:
        seen.update(given, texts=texts, labels=labels, parameters=self.get_params())
        raise KeyboardInterrupt

    monkeypatch.setattr("steadfit.estimator.text_classifier.TextClassifier.fit", fit)
    rows = [
        {**row, "film": str(place // 4), "weight": str(place % 3 + 0.5)}
        for place, row in enumerate(reviews(12))
    ]
    table = write_csv(tmp_path / "rows.csv", rows)
    valid = write_csv(tmp_path / "valid.csv", reviews(4, seed=1))
    more = tmp_path / "more.txt"
    more.write_text("one\ntwo\n")
    words = ["--text", "id", "--text", "review", "--group", "film", "--weight", "weight"]
    words += ["--valid", valid, "--unlabeled", more, "--backwards", "both", "--lr", "0.01"]
    words += ["--metric", "macro-f1", "--no-refit", "--max-minutes", "3", "--blend", "none"]
    ended = steadfit("train", table, "--config", tiny, "--out", tmp_path / "m", *words)
    assert ended.status == 130
    assert seen["texts"][1] == f"xxfld 1 1 xxfld 2 {rows[1]['review']}"
    assert list(seen["groups"]) == [row["film"] for row in rows]
    assert seen["sample_weight"] == [float(row["weight"]) for row in rows]
    assert list(seen["valid"][1]) == ["neg", "pos"] * 2
    assert seen["unlabeled"] == ["one", "two"]
    wanted = {"backwards": "both", "lr": 0.01, "metric": "macro-f1", "max_minutes": 3.0}
    wanted |= {"blend": None, "pretrained": None, "refit": False, "epochs": 1}
    assert wanted.items() <= seen["parameters"].items()


def test_texts_with_several_labels_are_learned_judged_and_labelled(
    steadfit: Run, tiny: Path, tmp_path: Path
) -> None:
    rows = [
        {**row, "sentiment": ("old|" if place % 3 else "") + row["sentiment"]}
        for place, row in enumerate(reviews(60))
    ]
    table, out = write_csv(tmp_path / "rows.csv", rows), tmp_path / "model"
    words = ("train", table, "--config", tiny, "--blend", "auto", "--label-separator", "|")
    ended = steadfit(*words, "--test", table, "--out", out)
    assert ended.status == 0, ended
    found = json.loads((out / "test.json").read_text())
    assert found["classes"] == ["neg", "old", "pos"]
    assert (
        found["accuracy"] == json.loads(steadfit("evaluate", out, table, "--json").out)["accuracy"]
    )
    assert steadfit("predict", out, table, "--out", tmp_path / "scored.csv").status == 0
    scored = read_csv(tmp_path / "scored.csv")
    model = load_ensemble(out)
    wanted = model.labels(model.probabilities([row["review"] for row in rows]))
    assert [row["label"] for row in scored] == ["|".join(names) for names in wanted]


def test_a_disk_that_fills_up_while_it_trains_is_one_line(
    steadfit: Run, labelled: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("steadfit.training.stages.write_checkpoint", full)
    message = refused(steadfit("train", labelled, "--config", tiny, "--out", tmp_path / "model"))
    assert "No space left on device" in message
    assert "make room" in message
    assert not (tmp_path / "model").exists()


def test_what_a_training_with_other_options_left_is_said_and_nothing_is_lost(
    steadfit: Run, labelled: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Stage.save

    def stopping(stage: Stage) -> None:
        save(stage)
        raise KeyboardInterrupt

    words = ("train", labelled, "--config", tiny, "--out", tmp_path / "model")
    monkeypatch.setattr(Stage, "save", stopping)
    assert steadfit(*words).status == 130
    monkeypatch.setattr(Stage, "save", save)
    message = refused(steadfit(*words, "--lm-epochs", 2))
    assert "had other options (lm_epochs: 1 there, 2 here)" in message
    assert "--checkpoint-dir" in message
    assert steadfit(*words).status == 0


def test_the_card_says_what_was_read_and_reached_and_what_it_is_for(
    trained: tuple[Path, Path],
) -> None:
    card = (trained[0] / "README.md").read_text(encoding="utf-8")
    for part in (
        "## What it is for",
        "not meant to decide anything about a person",
        "| labelled | from labelled.csv, texts 60, fingerprint ",
        "| test | from test.csv, texts 20, fingerprint ",
        "## What it reached on a test file",
        "| NBSVM | accuracy ",
        "but for those held out",
        "## Limits",
    ):
        assert part in card, part
    assert str(trained[1]) not in card


def test_every_parameter_of_the_estimator_is_an_option() -> None:
    assert set(parameter_names()) <= set(inspect.signature(train_command.train).parameters)


def test_words_go_before_the_file(tiny: Path) -> None:
    found = resolved({"text": ["title", "body"], "lr": "find", "backwards": "both"}, tiny)
    assert found["text"] == ["title", "body"]
    assert found["label"] == "sentiment"
    assert found["lr"] == "find"
    assert found["backwards"] == "both"
    assert resolved({"lr": "0.01", "sizes": "n_hid=24"}, tiny)["sizes"] == {"n_hid": 24}
