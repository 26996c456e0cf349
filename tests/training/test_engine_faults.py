"""What training does when things go wrong: it says so, and leaves a usable model."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from steadfit.core.errors import DataError, TrainingError
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import MOMENTS, Callback
from steadfit.training.history import History
from steadfit.training.metrics import Metric, accuracy
from steadfit.training.penalty_terms import Penalties
from steadfit.training.run import Run
from steadfit.training.state import FitPlan

ALL = Penalties(2.0, 1.0, 50.0)


def weights(objective: Any) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


class Poisoned:
    """Batches of which one, counted over all epochs, makes the loss NaN."""

    def __init__(self, batches: Any, at: int, poison: Any) -> None:
        self.batches, self.at, self.poison, self.count = batches, at, poison, 0

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
        for batch in self.batches.epoch(epoch, start):
            if self.count == self.at:
                self.poison()
            self.count += 1
            yield batch


@pytest.mark.parametrize("at", [0, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_no_number_stops_before_its_step(
    case: tuple[Any, Any], at: int, accumulate: int
) -> None:
    make, batches = case
    at = min(at, 2 * len(batches) - 1)
    objective = make(ALL)
    states: list[dict[str, Tensor]] = []

    def poison() -> None:
        # No weight is touched, since weights are compared: the gradient overflows.
        objective.penalties = Penalties(alpha=1e38, beta=1e38, beta_norm=1e38)

    class Keep(Callback):
        def on_fit_begin(self, run: Run) -> None:
            states.append(weights(objective))

        def on_step_end(self, run: Run) -> None:
            states.append(weights(objective))

    poisoned = Poisoned(batches, at, poison)
    plan = FitPlan(2, 1e-2, accumulate=accumulate)
    history = History()
    with pytest.raises(TrainingError) as caught:
        fit(objective, poisoned, None, plan, history, [Keep()])
    count = len(states) - 1
    assert same(weights(objective), states[max(count - 1, 0)])
    assert f"Step {count + 1} of " in str(caught.value)
    assert f"those before step {max(count, 1)}." in str(caught.value)
    assert "Lower the " in str(caught.value)
    assert len(history.steps) == count
    assert not objective.training


@pytest.mark.parametrize("lr", [1e12, 1e20])
def test_after_a_rate_far_too_large_the_weights_still_give_finite_losses(
    case: tuple[Any, Any], lr: float
) -> None:
    make, batches = case
    objective = make(ALL)
    with pytest.raises(TrainingError, match="Lower the"):
        fit(objective, batches, None, FitPlan(8, lr, schedule="constant"), History())
    assert math.isfinite(evaluate(objective, batches).loss)
    fit(objective, batches, None, FitPlan(1, 1e-3), History())


def test_running_figures_are_put_back_with_a_refused_step(classifier: Any, buckets: Any) -> None:
    objective = classifier()
    before = weights(objective)
    with torch.no_grad():
        objective.model.head[-1].bias.fill_(torch.nan)
    with pytest.raises(TrainingError, match="Step 1 of 3"):
        fit(objective, buckets, None, FitPlan(1, 1e-2), History())
    norms = [name for name in before if "running" in name or "tracked" in name]
    assert len(norms) == 6
    assert all(torch.equal(objective.state_dict()[name], before[name]) for name in norms)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_an_exception_passes_and_leaves_the_model_usable(
    classifier: Any, buckets: Any, moment: str, kind: type[BaseException]
) -> None:
    class Fail(Callback):
        pass

    def fail(self: Fail, run: Run) -> None:
        raise kind("stop")

    setattr(Fail, moment, fail)
    objective = classifier(drop_mult=1.0)
    before = torch.get_rng_state()
    with pytest.raises(kind, match="stop"):
        fit(objective, buckets, None, FitPlan(1, 1e-3), History(), [Fail()])
    assert not any(module.training for module in objective.modules())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in objective.parameters())


@pytest.mark.parametrize("name", ["accuracy", "valid_loss", "seconds", "kind"])
def test_two_figures_of_one_name_are_refused_before_training(
    classifier: Any, buckets: Any, held_out: Any, name: str
) -> None:
    objective = classifier()
    before = copy.deepcopy(weights(objective))
    metrics = [accuracy, Metric(name, lambda evaluation: 0.0)]
    with pytest.raises(DataError, match=name):
        fit(objective, buckets, held_out, FitPlan(1, 1e-2), History(), metrics=metrics)
    assert same(weights(objective), before)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"accumulate": 0}, "accumulate"),
        ({"wd": -1.0}, "wd"),
        ({"wd": float("nan")}, "wd"),
        ({"clip": 0.0}, "clip"),
        ({"schedule": "linear"}, "schedule"),
        ({"moms": (0.8, 0.7, 0.8)}, "moms"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match):
        FitPlan(**{"epochs": 1, "lr": 1e-3, **wrong})
