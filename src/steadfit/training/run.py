"""A fit under way, as callbacks and checkpoints see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from torch import nn

from steadfit.core.errors import DataError
from steadfit.training.devices import device_of, generator_on
from steadfit.training.evaluation import Batches
from steadfit.training.good_weights import GoodWeights
from steadfit.training.history import EpochRecord, History
from steadfit.training.metrics import Metric
from steadfit.training.objective import Objective
from steadfit.training.optimizer import make_optimizer
from steadfit.training.schedules import schedule_named
from steadfit.training.state import FitPlan, TrainState


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
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.good = GoodWeights(trained, objective)
        self.generator = generator_on(device_of(objective), plan.seed, plan.stage)
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
