"""The callbacks that come along: when they stop, what they keep, what their files hold."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, DiskError, TrainingError
from steadfit.training.callbacks import BestModel, EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.logs import CSVLog, EpochTable, JSONLinesLog
from steadfit.training.metrics import Metric, accuracy
from steadfit.training.penalty_terms import Penalties
from steadfit.training.state import FitPlan


def scripted(values: list[float], name: str = "score") -> Metric:
    """Return a metric that takes these values, epoch by epoch."""
    script = iter(values)
    return Metric(name, lambda evaluation: next(script))


@pytest.fixture
def train(classifier: Any, buckets: Any, held_out: Any) -> Any:
    """Return a function that fits a tiny classifier and returns its objective and history."""

    def run(*callbacks: Callback, metrics: Any = (), valid: Any = held_out, epochs: int = 6) -> Any:
        objective, history = classifier(Penalties(2.0, 1.0, 0.0)), History()
        fit(objective, buckets, valid, FitPlan(epochs, 1e-2), history, callbacks, metrics)
        return objective, history

    return run


@pytest.mark.parametrize(
    ("patience", "min_delta", "epochs"),
    [(0, 0.0, 3), (1, 0.0, 6), (2, 0.0, 7), (0, 0.5, 2)],
)
def test_early_stopping_waits_for_more_than_patience_epochs(
    train: Any, patience: int, min_delta: float, epochs: int
) -> None:
    metric = scripted([1.0, 1.2, 1.2, 1.3, 1.1, 1.3, 1.2, 1.0, 9.0])
    stopping = EarlyStopping("score", patience, min_delta=min_delta)
    _, history = train(stopping, metrics=[metric], epochs=9)
    assert len(history.epochs) == epochs


@pytest.mark.parametrize(
    ("name", "larger"),
    [
        ("valid_loss", False),
        ("train_loss", False),
        ("perplexity", False),
        ("hamming_loss", False),
        ("mean_squared_error", False),
        ("accuracy", True),
        ("f1_score", True),
        ("matthews_corrcoef", True),
    ],
)
def test_which_way_is_better_is_told_by_the_name_unless_said(name: str, larger: bool) -> None:
    assert EarlyStopping(name).larger_is_better is larger
    assert EarlyStopping(name, larger_is_better=not larger).larger_is_better is not larger


def test_a_figure_that_is_no_number_never_is_an_improvement(train: Any) -> None:
    metric = scripted([math.nan, math.nan, 1.0])
    _, history = train(EarlyStopping("score", patience=1), metrics=[metric])
    assert len(history.epochs) == 2


def test_a_figure_the_fit_lacks_is_refused_before_the_first_step(train: Any) -> None:
    for callback in (EarlyStopping("accuracy"), BestModel("best", "f1")):
        with pytest.raises(DataError, match="this fit has train_loss, valid_loss"):
            train(callback)
    with pytest.raises(DataError, match="this fit has train_loss\\."):
        train(EarlyStopping(), valid=None)


def test_the_best_epochs_weights_come_back_at_the_end(train: Any, tmp_path: Path) -> None:
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, run: Any) -> None:
            kept.append({name: value.clone() for name, value in run.model.state_dict().items()})

    best = BestModel(tmp_path / "sub" / "v1.5", "score")
    objective, _ = train(Keep(), best, metrics=[scripted([0.1, 0.3, 0.2, 0.3])], epochs=4)
    state = objective.model.state_dict()
    assert all(torch.equal(value, kept[1][name]) for name, value in state.items())
    assert not all(torch.equal(value, kept[3][name]) for name, value in state.items())
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["v1.5.safetensors"]


def test_the_best_file_of_an_earlier_fit_is_not_taken_for_this_ones(
    train: Any, tmp_path: Path
) -> None:
    earlier, _ = train(BestModel(tmp_path / "best"), epochs=1)
    metric = scripted([math.nan] * 2)
    later, history = train(BestModel(tmp_path / "best", "score"), metrics=[metric], epochs=2)
    assert len(history.epochs) == 2
    one, other = earlier.model.state_dict(), later.model.state_dict()
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_best_file_that_something_has_written_over_is_not_taken(
    train: Any, tmp_path: Path
) -> None:
    class Overwrite(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.state.epoch == 2:
                train(BestModel(tmp_path / "best"), epochs=1)

    metric = scripted([0.3, 0.2])
    with pytest.raises(TrainingError, match=r"best\.safetensors is not what this fit wrote"):
        train(BestModel(tmp_path / "best", "score"), Overwrite(), metrics=[metric], epochs=2)


def test_each_fit_begins_without_a_best(train: Any, tmp_path: Path) -> None:
    stopping = EarlyStopping("score", patience=1)
    train(stopping, metrics=[scripted([5.0, 1.0, 1.0])], epochs=3)
    _, history = train(stopping, metrics=[scripted([1.0, 2.0, 3.0])], epochs=3)
    assert len(history.epochs) == 3


@pytest.mark.parametrize(
    "make", [lambda: EarlyStopping("score", 3), lambda: BestModel("x", "score")]
)
@pytest.mark.parametrize("values", [[], [0.25], [0.5, 0.25, 0.125]])
def test_a_callbacks_state_survives_json(train: Any, make: Any, values: list[float]) -> None:
    first = make()
    if values:

        class Feed(Callback):
            def on_epoch_end(self, run: Any) -> None:
                first.improved(run) if isinstance(first, BestModel) else first.on_epoch_end(run)

        train(Feed(), metrics=[scripted(values)], epochs=len(values))
    second = make()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    assert second.best == first.best == (max(values) if values else -math.inf)


def test_a_csv_log_holds_the_history_whatever_a_metric_is_called(
    train: Any, tmp_path: Path
) -> None:
    path = tmp_path / "logs" / "log.csv"
    odd = Metric('macro, "weighted"\nF1', lambda evaluation: 0.5)
    _, history = train(CSVLog(path), metrics=[accuracy, odd], epochs=2)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row, record in zip(rows, history.epochs, strict=True):
        assert int(row["epoch"]) == record.epoch
        assert float(row["train_loss"]) == record.train_loss
        assert float(row["valid_loss"]) == record.valid_loss
        assert float(row["accuracy"]) == record.metrics["accuracy"]
        assert row[odd.name] == "0.5"
        assert float(row["seconds"]) == pytest.approx(record.seconds, abs=1e-3)


def test_a_csv_log_gets_another_header_only_for_other_columns(train: Any, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    train(CSVLog(path), metrics=[accuracy], epochs=1)
    train(CSVLog(path), metrics=[accuracy], valid=None, epochs=1)
    train(CSVLog(path), epochs=1)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["epoch", "0", "0", "epoch", "0"]
    assert rows[2][2:4] == ["", ""]  # neither a validation loss nor an accuracy
    assert len({len(row) for row in rows[:3]}) == 1


def test_a_jsonl_log_holds_every_step_and_epoch_in_order(train: Any, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "log.jsonl"
    nan = scripted([math.nan, math.inf])
    _, history = train(JSONLinesLog(path), metrics=[nan], epochs=2)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    lines = path.read_text("utf-8").splitlines()
    entries = [json.loads(line, parse_constant=refuse) for line in lines]
    assert [entry["kind"] for entry in entries] == ["step", "step", "step", "epoch"] * 2
    steps = [entry for entry in entries if entry["kind"] == "step"]
    for entry, record in zip(steps, history.steps, strict=True):
        expected = {"step": record.step, "lr": record.lr, "loss": record.loss}
        expected |= {"momentum": record.momentum, "smoothed": record.smoothed, **record.penalties}
        assert {name: entry[name] for name in expected} == expected
    epochs = [entry for entry in entries if entry["kind"] == "epoch"]
    assert [entry["score"] for entry in epochs] == [None, None]
    assert [entry["valid_loss"] for entry in epochs] == [e.valid_loss for e in history.epochs]


def test_the_table_is_fastais(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    long = Metric("balanced_accuracy_score", lambda evaluation: 0.25)
    large = Metric("perplexity", lambda evaluation: 123456.789)
    _, history = train(EpochTable(), metrics=[long, large, accuracy], epochs=2)
    header, *rows = capsys.readouterr().out.splitlines()
    names = ["epoch", "train_loss", "valid_loss", "balanced_accuracy_score", "perplexity"]
    assert header.split() == [*names, "accuracy", "time"]
    assert len(rows) == 2
    for number, (row, record) in enumerate(zip(rows, history.epochs, strict=True)):
        figures = [f"{record.train_loss:.6f}", f"{record.valid_loss:.6f}", "0.250000", "123456.8"]
        share = f"{record.metrics['accuracy']:.6f}"
        assert row.split() == [str(number), *figures, share, "00:00"]
        assert starts(row) == starts(header)


def starts(line: str) -> list[int]:
    return [match.start() for match in re.finditer(r"\S+", line)]


def test_the_tables_columns_stay_in_place_without_validation(
    train: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    train(EpochTable(), metrics=[accuracy], valid=None, epochs=1)
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[2:] == ["valid_loss", "accuracy", "time"]
    assert row.split()[2:] == ["-", "-", "00:00"]


@pytest.mark.parametrize(("seconds", "clock"), [(59.4, "00:59"), (60, "01:00"), (7384, "2:03:04")])
def test_the_table_tells_time_as_fastai(
    train: Any, capsys: pytest.CaptureFixture[str], seconds: float, clock: str
) -> None:
    class Slow(Callback):
        def on_epoch_end(self, run: Any) -> None:
            run.history.epochs[-1] = replace(run.history.epochs[-1], seconds=seconds)

    train(Slow(), EpochTable(), epochs=1)
    assert capsys.readouterr().out.split()[-1] == clock


@pytest.mark.parametrize("lines", [["epoch,train_loss"], []])
def test_a_log_on_a_full_disk_keeps_its_lines_and_says_so(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CSVLog(tmp_path / "log.csv")
    for line in lines:
        log.write(line)

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            with (tmp_path / "log.csv").open("a") as file:  # half a line reaches the disk
                file.write(text[:3])
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", **how: Full() if how else opened(path, mode)
    )
    with pytest.raises(DiskError, match="the lines before are intact"):
        log.write("0,1.5")
    monkeypatch.undo()
    assert [path.read_text() for path in tmp_path.iterdir()] == [f"{line}\n" for line in lines]
