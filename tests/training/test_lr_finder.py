"""The range test: what it leaves alone, where it stops, what it suggests."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, TrainingError
from steadfit.training.history import SmoothedLoss
from steadfit.training.lr_finder import find_lr, halfway_down
from steadfit.training.objective import StepResult
from steadfit.training.optimizer import freeze_to
from steadfit.training.penalty_terms import Penalties, Sizes
from steadfit.training.state import FitPlan

PLAN = FitPlan(1, 1.0, schedule="constant", moms=(0.9, 0.9))


class Scripted(torch.nn.Module):
    """An objective whose loss is a given function of the step, whatever is trained."""

    def __init__(self, loss: Any) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.model = SimpleNamespace(layer_groups=lambda: [[self.layer]])
        self.loss, self.step, self.states = loss, 0, []

    def __deepcopy__(self, memo: Any) -> Scripted:
        return self  # so that the test sees what the trial saw

    def sizes(self, batch: Any) -> Sizes:
        return Sizes(1, 1, 1)

    def forward(self, batch: Any, state: Any, sizes: Sizes, generator: Any) -> StepResult:
        self.states.append(state)
        value = self.loss(self.step)
        self.step += 1
        total = value + 0.0 * self.layer.weight.sum()
        return StepResult(total, {}, f"after {self.step - 1}")


class Endless:
    def __init__(self, batches: int = 7) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int, start: int = 0) -> Any:
        batch = SimpleNamespace()
        return iter([batch] * self.batches)


@pytest.mark.parametrize("maker", ["classifier", "language_model"])
def test_everything_is_left_as_it_was(maker: str, request: pytest.FixtureRequest) -> None:
    objective = request.getfixturevalue(maker)(Penalties(2.0, 1.0, 50.0), drop_mult=1.0).eval()
    batches = request.getfixturevalue("buckets" if maker == "classifier" else "stream")
    freeze_to(objective.model.layer_groups(), -2)
    before = copy.deepcopy(objective.state_dict())
    flags = [p.requires_grad for p in objective.parameters()]
    rng = torch.get_rng_state()
    found = find_lr(objective, batches, PLAN, steps=30)
    assert len(found.lrs) == 30 or found.losses[-1] > 4 * min(found.losses)
    assert all(torch.equal(value, before[n]) for n, value in objective.state_dict().items())
    assert [p.requires_grad for p in objective.parameters()] == flags
    assert all(p.grad is None for p in objective.parameters())
    assert torch.equal(torch.get_rng_state(), rng)
    assert not objective.training
    again = find_lr(objective, batches, PLAN, steps=30)
    assert again == found


def test_an_interrupted_test_leaves_everything_too(classifier: Any, buckets: Any) -> None:
    class Interrupted:
        def __len__(self) -> int:
            return len(buckets)

        def epoch(self, epoch: int, start: int = 0) -> Any:
            yield next(buckets.epoch(epoch))
            raise KeyboardInterrupt

    objective = classifier(drop_mult=1.0)
    before = copy.deepcopy(objective.state_dict())
    rng = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        find_lr(objective, Interrupted(), PLAN)
    assert all(torch.equal(value, before[n]) for n, value in objective.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)


def test_rates_grow_by_one_factor_from_first_to_last() -> None:
    found = find_lr(Scripted(lambda step: 1.0), Endless(), PLAN, 1e-7, 10.0, steps=100)
    assert len(found.lrs) == 100
    assert found.lrs[0] == pytest.approx(1e-7)
    assert found.lrs[-1] == pytest.approx(10.0)
    factors = [b / a for a, b in zip(found.lrs, found.lrs[1:], strict=False)]
    assert factors == pytest.approx([1e8 ** (1 / 99)] * 99)


def test_losses_are_smoothed_as_fastai_smooths_them() -> None:
    values = [3.0, 1.0, 2.0, 5.0]
    found = find_lr(Scripted(lambda step: values[step]), Endless(), PLAN, steps=4)
    average, expected = 0.0, []
    for number, value in enumerate(values, start=1):
        average = 0.98 * average + 0.02 * value
        expected.append(average / (1 - 0.98**number))
    assert found.losses == pytest.approx(expected)


def test_it_stops_where_the_smoothed_loss_passes_four_times_its_best() -> None:
    objective = Scripted(lambda step: 1.0 if step < 20 else 15.0)
    found = find_lr(objective, Endless(), PLAN)
    assert 4.0 * min(found.losses) < found.losses[-1] < 4.6
    assert found.losses[-2] <= 4.0 * min(found.losses)
    assert len(find_lr(Scripted(objective.loss), Endless(), PLAN, stop_div=False).lrs) == 100


def test_it_stops_before_a_loss_that_is_no_number() -> None:
    found = find_lr(Scripted(lambda step: 1.0 if step < 20 else math.nan), Endless(), PLAN)
    assert len(found.lrs) == 20
    with pytest.raises(TrainingError, match="first batch"):
        find_lr(Scripted(lambda step: math.nan), Endless(), PLAN)


def test_state_is_carried_within_an_epoch_and_not_into_the_next() -> None:
    objective = Scripted(lambda step: 1.0)
    find_lr(objective, Endless(3), PLAN, steps=7)
    assert objective.states == [None, "after 0", "after 1", None, "after 3", "after 4", None]


def test_a_step_is_of_as_many_batches_as_in_a_fit() -> None:
    values = [3.0, 1.0, 2.0, 4.0, 6.0, 8.0]
    objective = Scripted(lambda batch: values[batch])
    found = find_lr(objective, Endless(3), replace(PLAN, accumulate=2), steps=4)
    # An epoch's third batch stands alone; the state goes on from batch to batch within the epoch.
    assert objective.states == [None, "after 0", "after 1", None, "after 3", "after 4"]
    smoothed = SmoothedLoss()
    assert found.losses == pytest.approx([smoothed.update(loss) for loss in (4.0, 2.0, 10.0, 8.0)])


@pytest.mark.parametrize("where", [-4.5, -3.0, -1.5])
def test_the_suggestion_lies_where_the_loss_falls_fastest(where: float) -> None:
    lrs = [10 ** (-7 + 8 * step / 99) for step in range(100)]
    losses = [3 - 2 / (1 + math.exp(-3 * (math.log10(lr) - where))) for lr in lrs]
    assert math.log10(halfway_down(lrs, losses, 0.1)) == pytest.approx(where, abs=8 / 99)


def test_the_suggestion_looks_at_neither_end() -> None:
    lrs = [10 ** (-7 + 8 * step / 99) for step in range(100)]
    losses = [9.0] * 5 + [1.0] * 45 + [0.8] * 45 + [0.5, 0.0, -9.0, -9.0, -9.0]
    assert halfway_down(lrs, losses, 0.1) == lrs[49]


def test_a_spike_on_the_way_is_no_suggestion() -> None:
    lrs = [10 ** (-7 + 8 * step / 99) for step in range(100)]
    losses = [3 - 2 / (1 + math.exp(-3 * (math.log10(lr) + 2))) for lr in lrs]
    losses[20] += 0.05
    assert math.log10(halfway_down(lrs, losses, 0.1)) == pytest.approx(-2, abs=8 / 99)


def test_of_a_short_or_flat_test_no_rate_is_suggested() -> None:
    assert halfway_down([0.1, 1.0, 10.0], [2.0, 1.0, 3.0], 0.1) is None
    lrs = [10 ** (-7 + 8 * step / 99) for step in range(100)]
    assert halfway_down(lrs, [1.0 - 0.0009 * step for step in range(100)], 0.1) is None


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_not_taken_for_a_fall(seed: int) -> None:
    noise = random.Random(seed)
    flat = [0.7 + noise.gauss(0, 0.05) for _ in range(80)] + [0.7 + 0.3 * i for i in range(20)]
    found = find_lr(Scripted(lambda step: flat[step]), Endless(), PLAN)
    assert found.suggestion is None
    assert "none is suggested" in found.advice


def test_it_finds_that_a_learnable_task_wants_no_tiny_rate(classifier: Any, buckets: Any) -> None:
    found = find_lr(classifier(), buckets, PLAN, steps=60)
    assert 1e-4 < found.suggestion < 10
    assert min(found.losses) < found.losses[10] - 0.01


def test_clipping_holds_here_as_in_a_fit(language_model: Any, stream: Any) -> None:
    free = find_lr(language_model(), stream, PLAN, steps=5)
    clipped = find_lr(language_model(), stream, FitPlan(1, 1.0, clip=1e-12), steps=5)
    assert free.losses != clipped.losses


@pytest.mark.parametrize(
    "wrong",
    [{"start_lr": 0.0}, {"start_lr": 1.0, "end_lr": 0.1}, {"steps": 0}, {"end_lr": math.inf}],
)
def test_rates_that_do_not_grow_are_refused(
    classifier: Any, buckets: Any, wrong: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match="lr_find"):
        find_lr(classifier(), buckets, PLAN, **wrong)


def test_a_smoothed_loss_of_equal_losses_is_that_loss() -> None:
    smoothed = SmoothedLoss()
    assert [smoothed.update(2.5) for _ in range(5)] == pytest.approx([2.5] * 5)
