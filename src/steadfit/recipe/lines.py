"""A line for each epoch of a training."""

from __future__ import annotations

from steadfit.core.console import say
from steadfit.training.events import Callback
from steadfit.training.objective import LanguageModelObjective
from steadfit.training.run import Run


class EpochLines(Callback):
    """Writes which epoch of which phase is done, its losses and how long it took."""

    def on_epoch_end(self, run: Run) -> None:
        """Write the line."""
        last = run.history.epochs[-1]
        what = f"Classifier, phase {run.plan.stage + 1}"
        if isinstance(run.objective, LanguageModelObjective):
            what = "Language model"
        valid = "" if last.valid_loss is None else f", held out {last.valid_loss:.3f}"
        say(
            f"{what}, epoch {last.epoch + 1} of {run.plan.epochs}: loss {last.train_loss:.3f}"
            f"{valid}, {last.seconds:.0f} s"
        )
