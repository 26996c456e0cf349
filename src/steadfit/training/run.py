"""A fit under way, as callbacks and checkpoints see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from torch import nn
from torch.optim import Optimizer

from steadfit.core.errors import DataError
from steadfit.training.devices import device_of, generator_on
from steadfit.training.evaluation import Batches
from steadfit.training.good_weights import GoodWeights
from steadfit.training.history import EpochRecord, History
from steadfit.training.metrics import Metric
from steadfit.training.nt_asgd import first_kind
from steadfit.training.objective import Objective
from steadfit.training.optimizer import make_optimizer
from steadfit.training.schedules import schedule_named
from steadfit.training.state import FitPlan, TrainState
from steadfit.training.window_lengths import batches_of, total_steps


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
        if plan.optimizer == "nt-asgd":
            _check_validated(valid)
        self.state = TrainState(history=history)
        self.optimizer = self._make_optimizer(first_kind(plan.optimizer))
        if plan.optimizer == "asgd":
            self.start_averaging()
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.good = GoodWeights(trained, objective)
        self.generator = generator_on(device_of(objective), plan.seed, plan.stage)
        self.schedule = schedule_named(plan.schedule)
        self.steps = total_steps(train, plan)

    @property
    def model(self) -> nn.Module:
        """The model that trains."""
        return self.objective.model

    @property
    def history(self) -> History:
        """All steps and epochs so far, of earlier fits too."""
        return self.state.history

    @property
    def batches(self) -> int:
        """Micro-batches of the present epoch."""
        return batches_of(self.train, self.plan.first_epoch + self.state.epoch)

    @property
    def judged(self) -> EpochRecord | None:
        """What validation said of the weights with which the fit ended; None if it saw others."""
        return None if self.state.judged < 0 else self.history.epochs[self.state.judged]

    def start_averaging(self) -> None:
        """Go on with averaged SGD, from the weights as they are."""
        self.state.averaging = True
        self.optimizer = self._make_optimizer("asgd")

    def stop(self, reason: str) -> None:
        """End the fit after the present epoch's validation."""
        self.state.stop_reason = reason

    def _make_optimizer(self, kind: str) -> Optimizer:
        groups = self.objective.model.layer_groups()
        return make_optimizer(groups, self.plan.lr, self.plan.wd, kind)


def _check_validated(valid: Batches | None) -> None:
    if valid is None or not len(valid):
        raise DataError(
            "optimizer is 'nt-asgd', which goes by the validation loss, and there is nothing to "
            "validate on. Split the data, or take 'sgd' or 'asgd'."
        )


def _check_names(metrics: Sequence[Metric]) -> None:
    taken = {"kind", "time", *(field.name for field in fields(EpochRecord))}
    for metric in metrics:
        if metric.name in taken:
            raise DataError(
                f"Two figures of an epoch would be called {metric.name!r}; give the metric's "
                "function another __name__."
            )
        taken.add(metric.name)
