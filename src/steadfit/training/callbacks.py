"""The callbacks that come with Steadfit."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.tensors import load_weights, save_tensors
from steadfit.training.engine import Run
from steadfit.training.events import Callback
from steadfit.training.history import EpochRecord

_LARGER_IS_BETTER = {"accuracy"}


class EpochTable(Callback):
    """Prints fastai's table: one row an epoch, with losses, metrics and time."""

    def on_fit_begin(self, run: Run) -> None:
        names = ["epoch", "train_loss", "valid_loss", *(m.name for m in run.metrics), "time"]
        say("  ".join(f"{name:<10}" for name in names).rstrip())

    def on_epoch_end(self, run: Run) -> None:
        record = run.history.epochs[-1]
        figures = [record.train_loss, record.valid_loss, *record.metrics.values()]
        cells = ["-" if figure is None else f"{figure:.6f}" for figure in figures]
        minutes, seconds = divmod(round(record.seconds), 60)
        cells = [str(record.epoch), *cells, f"{minutes:02d}:{seconds:02d}"]
        say("  ".join(f"{cell:<10}" for cell in cells).rstrip())


class _Monitor(Callback):
    """Watches one figure of each epoch for a new best.

    Args:
        monitor: "train_loss", "valid_loss" or the name of a metric.
        larger_is_better: by default for accuracy only.
        min_delta: by how much a value must beat the best.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        self.monitor = monitor
        self.larger_is_better = (
            monitor in _LARGER_IS_BETTER if larger_is_better is None else larger_is_better
        )
        self.min_delta = min_delta
        self.best = -math.inf

    def on_fit_begin(self, run: Run) -> None:
        self.best = -math.inf

    def improved(self, run: Run) -> bool:
        """Compare the last epoch with the best so far and remember the better one."""
        value = _figure(run.history.epochs[-1], self.monitor)
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
    """Ends the fit when a figure has not improved for more than `patience` epochs."""

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
    """Keeps the weights of the best epoch in a file and takes them back at the end."""

    def __init__(
        self,
        path: str | Path,
        monitor: str = "valid_loss",
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, larger_is_better, min_delta)
        self.path = Path(path).with_suffix(".safetensors")

    def on_epoch_end(self, run: Run) -> None:
        if self.improved(run):
            save_tensors(self.path, run.model.state_dict())

    def on_fit_end(self, run: Run) -> None:
        load_weights(run.model, self.path)


class CSVLog(Callback):
    """Adds a row an epoch to a CSV file; a fit with other columns gets a header of its own."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        names = [metric.name for metric in run.metrics]
        columns = ["epoch", "train_loss", "valid_loss", *names, "seconds", "tokens_per_second"]
        self._add(",".join(columns))

    def on_epoch_end(self, run: Run) -> None:
        row = _row(run.history.epochs[-1])
        self._add(",".join("" if value is None else str(value) for value in row.values()))

    def _add(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")


class JSONLinesLog(Callback):
    """Adds one JSON object a step and one an epoch to a file, each with its kind and time."""

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
        line = json.dumps({"kind": kind, "time": round(time.time(), 3), **values})
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


def _figure(record: EpochRecord, name: str) -> float:
    figures = {"train_loss": record.train_loss, "valid_loss": record.valid_loss, **record.metrics}
    value = figures.get(name)
    if value is None:
        there = sorted(key for key, figure in figures.items() if figure is not None)
        raise DataError(f"monitor is {name!r}; this fit has {', '.join(there)}.")
    return value
