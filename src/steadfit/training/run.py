"""A fit under way, as callbacks and checkpoints see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.training.evaluation import Batches
from steadfit.training.history import EpochRecord, History
from steadfit.training.metrics import Metric
from steadfit.training.objective import Objective
from steadfit.training.optimizer import make_optimizer
from steadfit.training.schedules import schedule_named
from steadfit.training.state import FitPlan, TrainState

DIVERGED = 4.0  # times the smoothed loss: fastai's sign that training has run away


class Run:
    """A fit under way, as callbacks see it."""

    def __init__(
        self,
        objective: Objective,
        train: Batches,
        valid: Batches | None,
        plan: FitPlan,
        history: History,
        metrics: Sequence[Metric],
    ) -> None:
        self.objective = objective
        self.train = train
        self.valid = valid
        self.plan = plan
        self.metrics = metrics
        _check_names(metrics)
        self.state = TrainState(history=history)
        self.optimizer = make_optimizer(objective.model.layer_groups(), plan.lr, plan.wd)
        self._good_step = 0
        self._good: list[Tensor] | None = None
        self._good_buffers: list[Tensor] = []
        self.schedule = schedule_named(plan.schedule)
        self.steps_per_epoch = -(-len(train) // plan.accumulate)

    @property
    def model(self) -> nn.Module:
        """The model that trains."""
        return self.objective.model

    @property
    def history(self) -> History:
        """All steps and epochs so far, of earlier fits too."""
        return self.state.history

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole fit."""
        return self.plan.epochs * self.steps_per_epoch

    def keep_good_weights(self, loss: float, buffers: list[Tensor]) -> None:
        """Remember the weights that gave this loss, before they move on, unless they diverge."""
        if loss > DIVERGED * self.state.smoothed.average(loss):
            return
        weights = self._trained()
        if self._good is None:
            self._good = [torch.empty_like(weight) for weight in weights]
        torch._foreach_copy_(self._good, weights)
        self._good_buffers = buffers
        self._good_step = self.state.step + 1

    @torch.no_grad()
    def take_good_weights_back(self, buffers: list[Tensor]) -> int:
        """Put back what was kept last, and return the step before which it was taken.

        Before the first step nothing was kept, and only `buffers` have moved.
        """
        now = [*self._trained(), *self.objective.buffers()]
        kept = buffers if self._good is None else [*self._good, *self._good_buffers]
        for tensor, value in zip(now[len(now) - len(kept) :], kept, strict=True):
            tensor.copy_(value)
        return self.state.step + 1 if self._good is None else self._good_step

    def _trained(self) -> list[Tensor]:
        return [p.detach() for group in self.optimizer.param_groups for p in group["params"]]

    def stop(self, reason: str) -> None:
        """End the fit after the present epoch's validation."""
        self.state.stop_reason = reason


def _check_names(metrics: Sequence[Metric]) -> None:
    taken = {"kind", "time", *(field.name for field in fields(EpochRecord))}
    for metric in metrics:
        if metric.name in taken:
            raise DataError(
                f"Two figures of an epoch would be called {metric.name!r}; give the metric's "
                "function another __name__."
            )
        taken.add(metric.name)
