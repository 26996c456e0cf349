"""What a fit says while it runs: fastai's table, a CSV file, a JSON-lines file."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from steadfit.core.atomic import disk_error
from steadfit.core.checks import a_path
from steadfit.core.console import say
from steadfit.training.events import Callback
from steadfit.training.history import EpochRecord
from steadfit.training.run import Run

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


class _LogFile(Callback):
    """A file that grows line by line, and is cut back to where a resumed fit goes on."""

    def __init__(self, path: str | Path) -> None:
        self.path = a_path("path", path)
        self._bytes = 0

    def on_fit_begin(self, run: Run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def state_dict(self) -> dict[str, Any]:
        return {"bytes": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._bytes = int(state["bytes"])

    def rewind(self) -> None:
        # What was written after the checkpoint will be written again.
        if self.path.exists() and self.path.stat().st_size > self._bytes:
            os.truncate(self.path, self._bytes)

    def write(self, line: str) -> None:
        """Add a line at the end, whole or not at all.

        Raises:
            DiskError: when the system refuses to write, such as on a full disk.
        """
        size = self.path.stat().st_size if self.path.exists() else None
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(line + "\n")
        except OSError as error:
            if size is None:
                self.path.unlink(missing_ok=True)
            else:
                os.truncate(self.path, size)
            raise disk_error(self.path, error, "the lines before are intact") from error


class CSVLog(_LogFile):
    """Adds a row an epoch to a CSV file; a fit with other columns gets a header of its own.

    A figure that validation would have given is an empty cell.
    """

    def on_fit_begin(self, run: Run) -> None:
        super().on_fit_begin(run)
        header = _csv_line(self._columns(run))
        if header != self._last_header():
            self.write(header)

    def on_epoch_end(self, run: Run) -> None:
        row = _row(run.history.epochs[-1])
        self.write(_csv_line([row.get(name) for name in self._columns(run)]))

    def _columns(self, run: Run) -> list[str]:
        return [*_columns(run)[:-1], "seconds", "tokens_per_second"]

    def _last_header(self) -> str | None:
        if not self.path.exists():
            return None
        with self.path.open(encoding="utf-8", newline="") as file:
            headers = [row for row in csv.reader(file) if row[:1] == ["epoch"]]
        return _csv_line(headers[-1]) if headers else None


class JSONLinesLog(_LogFile):
    """Adds one JSON object a step and one an epoch to a file, each with its kind and time.

    A figure that is not finite is null, since JSON knows no such number.
    """

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
        self.write(line)


def _row(record: EpochRecord) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        **record.figures,
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
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
