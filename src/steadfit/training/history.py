"""What happened in training, step by step and epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class SmoothedLoss:
    """An exponential mean of the loss, corrected for its start, with fastai's 0.98."""

    value: float = 0.0
    weight: float = 0.0

    def average(self, default: float) -> float:
        """Return the mean so far, or `default` before the first loss."""
        return self.value / self.weight if self.weight else default

    def update(self, loss: float, decay: float = 0.98) -> float:
        """Take in one loss and return the mean so far."""
        self.value = decay * self.value + (1 - decay) * loss
        self.weight = decay * self.weight + (1 - decay)
        return self.value / self.weight


@dataclass(frozen=True)
class StepRecord:
    """One optimizer step."""

    step: int  # counted over all fits
    lr: float  # of the last layer group
    momentum: float
    loss: float  # nats, without penalties
    smoothed: float
    penalties: dict[str, float]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: a row of the table that is printed."""

    epoch: int  # counted within its fit
    train_loss: float
    valid_loss: float | None
    metrics: dict[str, float]
    seconds: float
    tokens_per_second: float
    step: int  # steps over all fits when it ended

    @property
    def figures(self) -> dict[str, float | None]:
        """Losses and metrics by the names they are shown under."""
        return {"train_loss": self.train_loss, "valid_loss": self.valid_loss, **self.metrics}


@dataclass
class History:
    """All steps and epochs of all fits of one learner."""

    steps: list[StepRecord] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)


_NUMBERS = ("lr", "momentum", "loss", "smoothed")
_PENALTY = "penalties."


def as_columns(steps: Sequence[StepRecord]) -> dict[str, Tensor]:
    """Return the numbers of steps counted from zero, float64 `(steps,)` each, by their names.

    A step without a penalty that others have has NaN there, as no step that was made can have.
    """
    columns = {name: [getattr(one, name) for one in steps] for name in _NUMBERS}
    for name in dict.fromkeys(name for one in steps for name in one.penalties):
        columns[_PENALTY + name] = [one.penalties.get(name, math.nan) for one in steps]
    return {name: torch.tensor(column, dtype=torch.float64) for name, column in columns.items()}


def of_columns(columns: Mapping[str, Tensor]) -> list[StepRecord]:
    """Return the steps that `as_columns` was given.

    Raises:
        LookupError: a column is missing.
        ValueError: columns are not equally long.
    """
    penalties = [name for name in columns if name.startswith(_PENALTY)]
    numbers = [columns[name].tolist() for name in (*_NUMBERS, *penalties)]
    names = [name.removeprefix(_PENALTY) for name in penalties]
    return [
        StepRecord(
            step,
            lr,
            momentum,
            loss,
            smoothed,
            {name: x for name, x in zip(names, given, strict=True) if not math.isnan(x)},
        )
        for step, (lr, momentum, loss, smoothed, *given) in enumerate(zip(*numbers, strict=True))
    ]
