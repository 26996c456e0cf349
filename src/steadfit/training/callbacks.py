"""The callbacks that look for the best epoch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from steadfit.core.checks import number, whole_number, yes_or_no
from steadfit.core.errors import DataError, TrainingError
from steadfit.files.tensors import file_digest, fill, load_weights, save_tensors, without_ties
from steadfit.training.events import Callback
from steadfit.training.run import Run

_SMALLER_IS_BETTER = ("loss", "error", "perplexity")  # in a figure's name


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
        if not isinstance(monitor, str):
            raise DataError(f"monitor is {monitor!r}; accepted is the name of a figure.")
        self.monitor = monitor
        self.larger_is_better = (
            not any(word in monitor for word in _SMALLER_IS_BETTER)
            if larger_is_better is None
            else larger_is_better
        )
        self.min_delta = number("min_delta", min_delta)
        self.best = -math.inf
        self.epoch = -1  # that had it, over all fits

    def on_fit_begin(self, run: Run) -> None:
        validated = ["valid_loss", *(metric.name for metric in run.metrics)]
        there = ["train_loss", *(validated if run.valid is not None else [])]
        if self.monitor not in there:
            raise DataError(f"monitor is {self.monitor!r}; this fit has {', '.join(there)}.")
        self.best, self.epoch = -math.inf, -1

    def improved(self, run: Run) -> bool:
        """Compare the last epoch with the best so far and remember the better one."""
        value = run.history.epochs[-1].figures[self.monitor]
        assert value is not None  # on_fit_begin made sure of it
        score = value if self.larger_is_better else -value
        if not score > self.best + self.min_delta:
            return False
        self.best, self.epoch = score, len(run.history.epochs) - 1
        return True

    def describe(self) -> dict[str, Any]:
        names = ("monitor", "larger_is_better", "min_delta")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best if math.isfinite(self.best) else None, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = -math.inf if state["best"] is None else state["best"]
        self.epoch = state.get("epoch", -1)  # checkpoints of before do not have it


class EarlyStopping(_Monitor):
    """Ends the fit when a figure has not improved for more than `patience` epochs.

    As in fastai: with 0, the first epoch that is no better than the best is the last one; with 2,
    the third in a row. A figure that is not a number is no better than any.

    With `restore_best` the fit ends with the weights of the best epoch, whether it was stopped or
    ran through; where no epoch was better than none, with the last ones. They are kept in memory
    and in the checkpoints, so that a fit that is gone on with has them too.
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        patience: int = 0,
        larger_is_better: bool | None = None,
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        super().__init__(monitor, larger_is_better, min_delta)
        self.patience = whole_number("patience", patience)
        self.restore_best = yes_or_no("restore_best", restore_best)
        self.waited = 0
        self._kept: dict[str, Tensor] = {}

    def on_fit_begin(self, run: Run) -> None:
        super().on_fit_begin(run)
        self.waited = 0
        self._kept = {}

    def on_epoch_end(self, run: Run) -> None:
        if self.improved(run):
            self.waited = 0
            if self.restore_best:
                weights = without_ties(run.model.state_dict())
                self._kept = {name: value.clone() for name, value in weights.items()}
            return
        self.waited += 1
        if self.waited > self.patience:
            run.stop(f"{self.monitor} has not improved for {self.waited} epochs")

    def on_fit_end(self, run: Run) -> None:
        if self._kept:
            fill(run.model, self._kept)
            run.state.judged = self.epoch
        self._kept = {}  # as much memory as the model

    def describe(self) -> dict[str, Any]:
        # Named only where it is wished for, so that fits begun before it was known can go on.
        restoring = {"restore_best": True} if self.restore_best else {}
        return {**super().describe(), "patience": self.patience, **restoring}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.waited = state["waited"]
        self._kept = {}

    def tensors(self) -> dict[str, Tensor]:
        return dict(self._kept)

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        # A copy, since those of a checkpoint keep its whole file in memory.
        self._kept = {name: value.clone() for name, value in tensors.items()}


class BestModel(_Monitor):
    """Keeps the weights of the best epoch in a file and takes them back at the end.

    The file, `path` with the ending `.safetensors`, stays. Where no epoch was better than none
    (its figure was never a number), the last weights stay too.

    Raises:
        TrainingError: when a fit that goes on no longer finds the file, or when it ends and the
            file is another one than was written.
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
        self._digest: str | None = None

    def on_fit_begin(self, run: Run) -> None:
        super().on_fit_begin(run)
        self._digest = None

    def on_epoch_end(self, run: Run) -> None:
        if self.improved(run):
            save_tensors(self.path, without_ties(run.model.state_dict()))
            self._digest = file_digest(self.path)

    def on_fit_end(self, run: Run) -> None:
        if not math.isfinite(self.best):
            return
        self._require_file()
        if self._digest is not None and file_digest(self.path) != self._digest:
            raise TrainingError(
                f"{self.path} is not what this fit wrote for its best epoch: something has written "
                "over it. Without it the best weights are lost; the model has those of the last "
                "epoch. Give each fit a file of its own."
            )
        load_weights(run.model, self.path)
        run.state.judged = self.epoch

    def rewind(self) -> None:
        if math.isfinite(self.best):
            self._require_file()

    def _require_file(self) -> None:
        if not self.path.is_file():
            raise TrainingError(
                f"{self.path}, which holds the weights of the best epoch so far, is gone. Put it "
                "back there, or begin anew with an empty checkpoint_dir."
            )

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "file": self._digest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._digest = state.get("file")  # nor this
