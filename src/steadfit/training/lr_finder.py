"""The learning rate range test (Smith, 2017)."""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NamedTuple

import torch

from steadfit.core.checks import number, whole_number, yes_or_no
from steadfit.core.errors import DataError, TrainingError
from steadfit.training.devices import device_of, generator_on
from steadfit.training.evaluation import Batches
from steadfit.training.history import SmoothedLoss
from steadfit.training.micro_batches import backward, grouped, sizes_of
from steadfit.training.nt_asgd import first_kind
from steadfit.training.objective import Objective
from steadfit.training.optimizer import make_optimizer, move_to
from steadfit.training.schedules import Point
from steadfit.training.state import FitPlan
from steadfit.training.window_lengths import rate_share

QUIET_STEPS = 20


class RangeTest(NamedTuple):
    """Smoothed losses at growing learning rates."""

    lrs: list[float]
    losses: list[float]
    suggestion: float | None  # where the loss is half-way down, if it clearly falls

    @property
    def advice(self) -> str:
        """The suggestion as a sentence."""
        if self.suggestion is None:
            return "the loss does not clearly fall at any rate, so none is suggested"
        return f"the loss is half-way down at {self.suggestion:.1e}"


def find_lr(
    objective: Objective,
    train: Batches,
    plan: FitPlan,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    steps: int = 100,
    stop_div: bool = True,
) -> RangeTest:
    """Train a copy with a rate that grows from step to step, and watch the loss.

    A step is that of a fit by `plan`: of as many batches, with its optimizer and clipping.

    Weights and optimizer stay as they are, and no random numbers are drawn but from a generator of
    its own. As in fastai it ends early when the smoothed loss passes four times its best.

    Raises:
        DataError: no rates, or not growing ones.
        TrainingError: the loss was not finite from the start.
    """
    whole_number("lr_find's num_it", steps, 1)
    yes_or_no("stop_div", stop_div)
    if not 0 < number("lr_find's start_lr", start_lr) < number("lr_find's end_lr", end_lr):
        raise DataError(
            f"lr_find from {start_lr!r} to {end_lr!r} in {steps!r} steps: the first rate is above "
            "zero and below the second, and there is at least one step."
        )
    trial = copy.deepcopy(objective)
    optimizer = make_optimizer(trial.model.layer_groups(), 1.0, plan.wd, first_kind(plan.optimizer))
    device = device_of(trial)
    smoothed = SmoothedLoss()
    lrs: list[float] = []
    losses: list[float] = []
    single: list[float] = []
    state, best = None, math.inf
    generator = generator_on(device, plan.seed, plan.stage)
    trial.train()
    for step, (first, group) in enumerate(islice(_endless(train, plan.accumulate), steps)):
        lr = start_lr * (end_lr / start_lr) ** (step / max(steps - 1, 1))
        sizes = sizes_of(trial, group)
        move_to(optimizer, Point(lr * rate_share(train, sizes), plan.moms[0]))
        optimizer.zero_grad(set_to_none=True)
        before = None if first else state
        summed, _, state = backward(trial, group, sizes, before, plan.bf16, generator)
        loss = float(summed)
        if not math.isfinite(loss):
            break
        average = smoothed.update(loss)
        lrs.append(lr)
        losses.append(average)
        single.append(loss)
        best = min(best, average)
        if stop_div and average > 4 * best:
            break
        if plan.clip is not None:
            torch.nn.utils.clip_grad_norm_(trial.parameters(), plan.clip)
        optimizer.step()
    if not lrs:
        raise TrainingError(
            "lr_find: the loss was not finite at the very first batch, before any step; the "
            "weights are not usable. Start from other weights."
        )
    # The first rates are too small to change anything: what varies there is the batches.
    noise = statistics.pstdev(single[:QUIET_STEPS])
    return RangeTest(lrs, losses, halfway_down(lrs, losses, noise))


def halfway_down(
    lrs: list[float], losses: list[float], noise: float, skip_start: int = 10, skip_end: int = 5
) -> float | None:
    """Return the rate at which the smoothed loss is half-way down to its least value.

    There a curve that falls once falls fastest; unlike the steepest place it is not moved by the
    noise between neighbours, which on a hard task is larger than any slope. Both ends are left
    out.

    Args:
        lrs: growing rates.
        losses: smoothed, one a rate.
        noise: standard deviation of single losses; a fall no larger is no fall.

    Returns:
        None where the test is too short to have a middle or the loss does not clearly fall.
    """
    kept = losses[skip_start : len(losses) - skip_end]
    if not kept or kept[0] - min(kept) <= noise:
        return None
    lowest = kept.index(min(kept))
    half = (kept[0] + kept[lowest]) / 2
    place = max(i for i, loss in enumerate(kept[:lowest]) if loss >= half)
    return lrs[skip_start + place]


def _endless(train: Batches, size: int) -> Iterator[tuple[bool, list[Any]]]:
    """Yield epoch after epoch in groups, with whether a group is the first of its epoch."""
    for epoch in count():
        for place, group in enumerate(grouped(train.epoch(epoch), size)):
            yield place == 0, group
