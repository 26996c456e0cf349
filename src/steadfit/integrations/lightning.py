"""The penalties in Lightning: a callback that adds them to what `training_step` returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from steadfit.integrations.attach import WatchedFit, needs

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise ImportError(needs("lightning")) from error


class PenaltyCallback(WatchedFit, Callback):
    """Adds penalties to the training loss of a `LightningModule`, and logs each of them.

        Trainer(callbacks=[PenaltyCallback({"rnn": [NormStabilizer(50.0)]})])

    While a fit lasts the module has another `training_step`: its own, with the penalty added to the
    loss. What the module itself logs is as before. Each penalty is logged as
    `penalty/MODULE/PENALTY`. Evaluation is untouched. A schedule is asked for
    `trainer.global_step`, which checkpoints restore. With `accumulate_grad_batches` the penalties
    of micro-batches are averaged, as their losses are.

    Args:
        penalties: what is put on which modules of the `LightningModule`, as in
            `steadfit.penalties.watch`.
        lengths: from the batch that `training_step` gets to lengths (batch,) or a mask
            (batch, time). None: all steps are real.
        batch_first: as in `watch`.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attach.

        Raises:
            RuntimeError: the module optimizes by hand; then its step returns no loss to add to.
        """
        if not pl_module.automatic_optimization:
            raise RuntimeError(
                "PenaltyCallback adds to the loss that training_step returns, and this module "
                "optimizes by hand (automatic_optimization=False). Use steadfit.penalties.watch "
                "there, and add watched.penalty() before manual_backward"
            )
        around = partial(self._penalised, trainer, pl_module)
        self.attach(pl_module, pl_module, "training_step", around)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Detach."""
        self.detach()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Detach."""
        self.detach()

    def _penalised(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        training_step: Callable[..., Any],
        batch: Any,
        *rest: Any,
    ) -> Any:
        watched = self.expect(batch)
        try:
            output = training_step(batch, *rest)
        finally:
            watched.set_lengths(None)  # validation has batches of its own
        if output is None:  # the module skips this batch
            return None
        penalty = watched.penalty(trainer.global_step)
        pl_module.log_dict({f"penalty/{name}": value for name, value in watched.terms().items()})
        if isinstance(output, Mapping):
            return {**output, "loss": output["loss"] + penalty}
        return output + penalty
