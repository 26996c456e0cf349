"""A table is labelled as the classifier would label its texts, whatever happens on the way."""

from __future__ import annotations

import errno
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadfit.inference import score_part
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import load_ensemble, save_ensemble
from tests.cli.conftest import (
    Run,
    ensemble,
    of_many_labels,
    read_csv,
    refused,
    reviews,
    write_csv,
)


def test_rows_keep_their_order_and_get_the_classifiers_labels(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    ended = steadfit("predict", model, table, "--out", tmp_path / "scored.csv")
    assert ended.status == 0, ended
    assert ended.error.endswith("scored.csv: 30 rows\n")
    given, found = read_csv(table), read_csv(tmp_path / "scored.csv")
    assert [{name: row[name] for name in given[0]} for row in found] == given
    classifier = load_ensemble(model)
    wanted = classifier.probabilities([row["review"] for row in given])
    np.testing.assert_allclose(
        [[float(r["p_neg"]), float(r["p_pos"])] for r in found], wanted, 1e-6
    )
    assert [row["label"] for row in found] == classifier.labels(wanted)


def test_labels_follow_tuned_thresholds(steadfit: Run, table: Path, tmp_path: Path) -> None:
    model = save_ensemble(tmp_path / "model", ensemble(thresholds=(0.001, 0.999)))
    ended = steadfit("predict", model, table, "--text", "review", "--out", tmp_path / "out.jsonl")
    assert ended.status == 0, ended
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["label"] for row in rows} == {"neg"}
    assert any(row["p_pos"] > row["p_neg"] for row in rows)
    assert all(row["probability"] == row["p_neg"] for row in rows)


def test_unsure_rows_get_no_label(steadfit: Run, model: Path, table: Path, tmp_path: Path) -> None:
    words = ("predict", model, table, "--out", tmp_path / "scored.csv", "--abstain-below", "0.7")
    ended = steadfit(*words)
    found = read_csv(tmp_path / "scored.csv")
    unsure = [row for row in found if not row["label"]]
    assert {row["label"] == "" for row in found} == {True, False}
    assert all((float(row["probability"]) < 0.7) == (row["label"] == "") for row in found)
    assert f"{len(unsure)} have no label" in ended.error


def test_standard_input_and_output_are_a_dash(
    steadfit: Run, model: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SimpleNamespace(buffer=io.BytesIO(table.read_bytes()))
    monkeypatch.setattr("sys.stdin", given)
    ended = steadfit("predict", model, "-", "--out", "-")
    assert ended.status == 0, ended
    assert len(ended.out.splitlines()) == 31
    assert ended.out.startswith("id,review,sentiment,label,probability,p_neg,p_pos\n")


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    steadfit: Run, model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "scored.csv"
    monkeypatch.setattr("steadfit.cli.predict.TOGETHER", 10)
    assert steadfit("predict", model, table, "--out", whole).status == 0
    read, calls = Ensemble.probabilities, []

    def stopping(self: Ensemble, texts: list[str], batch_size: int = 48) -> object:
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(self, texts, batch_size)

    monkeypatch.setattr(Ensemble, "probabilities", stopping)
    ended = steadfit("predict", model, table, "--out", out)
    assert ended.status == 130
    assert "20 scored rows are kept" in ended.error
    assert "run the same to go on" in ended.error
    assert not out.exists()
    monkeypatch.setattr(Ensemble, "probabilities", read)
    ended = steadfit("predict", model, table, "--out", out)
    assert ended.status == 0
    assert "30 rows, 20 of them by an earlier run" in ended.error
    assert out.read_bytes() == whole.read_bytes()


def test_a_full_disk_is_one_line_and_keeps_the_rows(
    steadfit: Run, model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfit.cli.predict.TOGETHER", 10)
    write, calls = score_part.Part.write, []

    def full(self: score_part.Part, data: bytes, rows: int, abstained: int) -> None:
        calls.append(rows)
        if len(calls) == 3:  # the header, ten rows, and then no more
            raise self._refused(OSError(errno.ENOSPC, "No space left on device"))
        write(self, data, rows, abstained)

    monkeypatch.setattr(score_part.Part, "write", full)
    message = refused(steadfit("predict", model, table, "--out", tmp_path / "scored.csv"))
    assert "No space left on device" in message
    assert "10 scored rows are kept" in message
    assert (tmp_path / "scored.csv.part").exists()


def test_wrong_tables_are_one_line(steadfit: Run, model: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "scored.csv"
    message = refused(steadfit("predict", model, table, "--out", out, "--text", "body"))
    assert "no column 'body'; the columns are 'id', 'review', 'sentiment'" in message
    out.write_text("mine")
    assert "scored.csv is there already" in refused(steadfit("predict", model, table, "--out", out))
    assert out.read_text() == "mine"
    assert steadfit("predict", model, table, "--out", out, "--overwrite").status == 0
    (tmp_path / "none.jsonl").write_text('{"review": null}\n{"review": "a fine film"}\n')
    words = ("predict", model, tmp_path / "none.jsonl", "--out", tmp_path / "none.csv")
    assert "no text in 'review'" in refused(steadfit(*words))
    assert steadfit(*words, "--missing-as-empty").status == 0
    assert "does not exist" in refused(
        steadfit("predict", model, tmp_path / "nothing.csv", "--out", tmp_path / "x.csv")
    )


def test_a_bar_comes_to_the_end_of_the_table(
    steadfit: Run, model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    @contextmanager
    def bar(title: str, total: int) -> Iterator[Any]:
        assert total == table.stat().st_size
        yield shown.append

    monkeypatch.setattr("steadfit.inference.scored.byte_progress", bar)
    monkeypatch.setattr("steadfit.cli.predict.TOGETHER", 10)
    assert steadfit("predict", model, table, "--out", tmp_path / "scored.csv").status == 0
    assert len(shown) == 3
    assert sum(shown) == table.stat().st_size


def test_empty_texts_are_labelled(steadfit: Run, model: Path, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "t.csv", [{**row, "review": ""} for row in reviews(3)])
    assert steadfit("predict", model, table, "--out", tmp_path / "out.csv").status == 0
    assert {row["label"] for row in read_csv(tmp_path / "out.csv")} <= {"neg", "pos"}


def test_a_model_of_a_newer_format_is_one_line(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "model"
    newer.mkdir()
    config = json.loads((model / "classifier.json").read_text())
    (newer / "classifier.json").write_text(json.dumps({**config, "format_version": 99}))
    message = refused(steadfit("predict", newer, table, "--out", tmp_path / "out.csv"))
    assert "format 99, newer than this version reads" in message
    assert "There is no model folder" in refused(
        steadfit("predict", tmp_path / "nothing", table, "--out", tmp_path / "out.csv")
    )


def test_a_wrong_call_is_status_two(steadfit: Run, model: Path, table: Path) -> None:
    assert steadfit("predict", model, table).status == 2
    assert steadfit("predict", model, table, "--out", "x.csv", "--abstain-below", "2").status == 2


def test_plain_text_has_no_column_whatever_it_comes_through(
    steadfit: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "a fine film\nan awful plot\n"
    (tmp_path / "t.txt").write_text(lines)
    (tmp_path / "t.dat").write_text(lines)
    with gzip.open(tmp_path / "t.txt.gz", "wt") as file:
        file.write(lines)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(lines.encode())))
    wanted = steadfit("predict", model, tmp_path / "t.txt", "--out", "-").out
    assert len(wanted.splitlines()) == 3
    for words in ([tmp_path / "t.txt.gz"], [tmp_path / "t.dat", "--format", "txt"]):
        assert steadfit("predict", model, *words, "--out", "-").out == wanted
    assert steadfit("predict", model, "-", "--format", "txt", "--out", "-").out == wanted


def test_labels_are_joined_by_the_separator_of_the_training_and_evaluated_again(
    steadfit: Run, tmp_path: Path
) -> None:
    model = save_ensemble(tmp_path / "model", of_many_labels())
    (model / "train.toml").write_text('text = ["review"]\nlabel_separator = ";"\n')
    table, out = write_csv(tmp_path / "t.csv", reviews(8)), tmp_path / "scored.csv"
    assert steadfit("predict", model, table, "--out", out).status == 0
    classifier = load_ensemble(model)
    wanted = classifier.labels(classifier.probabilities([row["review"] for row in reviews(8)]))
    labels = [";".join(names) for names in wanted]
    assert [row["label"] for row in read_csv(out)] == labels
    assert set(labels) == {"neg;pos", "pos"}
    found = json.loads(steadfit("evaluate", model, out, "--json").out)
    assert found["accuracy"]["value"] == 1
    words = ("predict", model, table, "--out", tmp_path / "other.csv", "--label-separator", "+")
    assert steadfit(*words).status == 0
    joined = [row["label"] for row in read_csv(tmp_path / "other.csv")]
    assert joined == [label.replace(";", "+") for label in labels]


def test_a_class_that_holds_the_separator_is_refused(
    steadfit: Run, model: Path, table: Path, tmp_path: Path
) -> None:
    many = save_ensemble(tmp_path / "model", of_many_labels(("a|b", "c")))
    words = ("predict", many, table, "--text", "review", "--out", tmp_path / "scored.csv")
    message = refused(steadfit(*words))
    assert "'|' stands between the labels of a text, and within the class 'a|b'" in message
    assert steadfit(*words, "--label-separator", ";").status == 0
    words = ("predict", model, table, "--out", tmp_path / "x.csv", "--label-separator", ";")
    assert "gives each text one label" in refused(steadfit(*words))
