"""Callbacks: what may happen at named moments of a fit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from steadfit.training.run import Run


class Callback:
    """A listener to a fit; override the moments you need.

    `run` gives the model, the plan, the history so far, and `run.stop(reason)`. What a callback
    must remember over a resumed run it returns from `state_dict` as plain JSON values, and from
    `tensors` as tensors.
    """

    def on_fit_begin(self, run: Run) -> None:
        """Before the first step; once more, before `load_state_dict`, when a fit is resumed."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first step of each epoch."""

    def on_step_end(self, run: Run) -> None:
        """After each optimizer step; `run.history.steps[-1]` describes it."""

    def on_epoch_end(self, run: Run) -> None:
        """After validation; `run.history.epochs[-1]` describes the epoch."""

    def on_fit_end(self, run: Run) -> None:
        """After the last epoch, also when a callback stopped the fit."""

    def describe(self) -> dict[str, Any]:
        """Return the settings that decide how a fit goes, as plain JSON values.

        A fit is not gone on with under other settings.
        """
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive an interruption, as plain JSON values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned, also of a fit that is not run again."""

    def tensors(self) -> dict[str, Tensor]:
        """Return what must survive an interruption as tensors: each checkpoint holds them all."""
        return {}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` returned; called behind `load_state_dict`, if there are any."""

    def rewind(self) -> None:
        """After `load_state_dict`: the fit goes on from there, so undo what was written since."""


MOMENTS = ("on_fit_begin", "on_epoch_begin", "on_step_end", "on_epoch_end", "on_fit_end")


def notify(callbacks: Iterable[Callback], moment: str, run: Run) -> None:
    """Call one moment of all callbacks, in their order."""
    for callback in callbacks:
        getattr(callback, moment)(run)
