"""The callbacks that come with Steadfit."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.tensors import load_weights, save_tensors
from steadfit.training.engine import Run
from steadfit.training.events import Callback
from steadfit.training.history import EpochRecord

_SMALLER_IS_BETTER = ("loss", "error", "perplexity")  # in a figure's name
_WIDTH = 10  # of a column of the table


class EpochTable(Callback):
    """Prints fastai's table: one row an epoch, with losses, metrics and time.

    A dash stands for a figure that validation would have given.
    """

    def on_fit_begin(self, run: Run) -> None:
        names = _columns(run)
        self._line(names, names)

    def on_epoch_end(self, run: Run) -> None:
        row = _row(run.history.epochs[-1])
        cells = [_cell(row.get(name)) for name in _columns(run)]
        cells[0], cells[-1] = str(row["epoch"]), _clock(row["seconds"])
        self._line(_columns(run), cells)

    def _line(self, names: list[str], cells: list[str]) -> None:
        widths = [max(_WIDTH, len(name)) for name in names]
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        say("  ".join(padded).rstrip())


class _Monitor(Callback):
    """Watches one figure of each epoch for a new best.

    Args:
        monitor: "train_loss", "valid_loss" or the name of a metric.
        larger_is_better: by default unless "loss", "error" or "perplexity" is in its name.
        min_delta: by how much a value must beat the best.

    Raises:
        DataError: when the fit begins, if it will not have that figure.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        self.monitor = monitor
        self.larger_is_better = (
            not any(word in monitor for word in _SMALLER_IS_BETTER)
            if larger_is_better is None
            else larger_is_better
        )
        self.min_delta = min_delta
        self.best = -math.inf

    def on_fit_begin(self, run: Run) -> None:
        validated = ["valid_loss", *(metric.name for metric in run.metrics)]
        there = ["train_loss", *(validated if run.valid is not None else [])]
        if self.monitor not in there:
            raise DataError(f"monitor is {self.monitor!r}; this fit has {', '.join(there)}.")
        self.best = -math.inf

    def improved(self, run: Run) -> bool:
        """Compare the last epoch with the best so far and remember the better one."""
        value = _row(run.history.epochs[-1])[self.monitor]
        score = value if self.larger_is_better else -value
        if not score > self.best + self.min_delta:
            return False
        self.best = score
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best if math.isfinite(self.best) else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = -math.inf if state["best"] is None else state["best"]


class EarlyStopping(_Monitor):
    """Ends the fit when a figure has not improved for more than `patience` epochs.

    As in fastai: with 0, the first epoch that is no better than the best is the last one; with 2,
    the third in a row. A figure that is not a number is no better than any.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 0,
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, larger_is_better, min_delta)
        self.patience = patience
        self.waited = 0

    def on_fit_begin(self, run: Run) -> None:
        super().on_fit_begin(run)
        self.waited = 0

    def on_epoch_end(self, run: Run) -> None:
        self.waited = 0 if self.improved(run) else self.waited + 1
        if self.waited > self.patience:
            run.stop(f"{self.monitor} has not improved for {self.waited} epochs")

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.waited = state["waited"]


class BestModel(_Monitor):
    """Keeps the weights of the best epoch in a file and takes them back at the end.

    The file, `path` with the ending `.safetensors`, stays. Where no epoch was better than none
    (its figure was never a number), the last weights stay too.
    """

    def __init__(
        self,
        path: str | Path,
        monitor: str = "valid_loss",
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, larger_is_better, min_delta)
        path = Path(path)
        self.path = path.with_name(path.name.removesuffix(".safetensors") + ".safetensors")

    def on_epoch_end(self, run: Run) -> None:
        if self.improved(run):
            save_tensors(self.path, run.model.state_dict())

    def on_fit_end(self, run: Run) -> None:
        if math.isfinite(self.best):
            load_weights(run.model, self.path)


class CSVLog(Callback):
    """Adds a row an epoch to a CSV file; a fit with other columns gets a header of its own.

    A figure that validation would have given is an empty cell.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        header = _csv_line(self._columns(run))
        if header != self._last_header():
            self._add(header)

    def on_epoch_end(self, run: Run) -> None:
        row = _row(run.history.epochs[-1])
        self._add(_csv_line([row.get(name) for name in self._columns(run)]))

    def _columns(self, run: Run) -> list[str]:
        return [*_columns(run)[:-1], "seconds", "tokens_per_second"]

    def _last_header(self) -> str | None:
        if not self.path.exists():
            return None
        with self.path.open(encoding="utf-8", newline="") as file:
            headers = [row for row in csv.reader(file) if row[:1] == ["epoch"]]
        return _csv_line(headers[-1]) if headers else None

    def _add(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)


class JSONLinesLog(Callback):
    """Adds one JSON object a step and one an epoch to a file, each with its kind and time.

    A figure that is not finite is null, since JSON knows no such number.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def on_step_end(self, run: Run) -> None:
        step = run.history.steps[-1]
        self._add(
            "step",
            {
                "step": step.step,
                "lr": step.lr,
                "momentum": step.momentum,
                "loss": step.loss,
                "smoothed": step.smoothed,
                **step.penalties,
            },
        )

    def on_epoch_end(self, run: Run) -> None:
        self._add("epoch", _row(run.history.epochs[-1]))

    def _add(self, kind: str, values: dict[str, Any]) -> None:
        known = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in values.items()
        }
        line = json.dumps({"kind": kind, "time": round(time.time(), 3), **known})
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")


def _row(record: EpochRecord) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        "train_loss": record.train_loss,
        "valid_loss": record.valid_loss,
        **record.metrics,
        "seconds": round(record.seconds, 3),
        "tokens_per_second": round(record.tokens_per_second, 1),
    }


def _columns(run: Run) -> list[str]:
    return ["epoch", "train_loss", "valid_loss", *(metric.name for metric in run.metrics), "time"]


def _cell(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:.6f}" if abs(figure) < 1000 else f"{figure:.7g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
