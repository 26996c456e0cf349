"""What happened in training, step by step and epoch by epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


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

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """Rebuild a history from `to_dict`."""
        return cls(
            [StepRecord(**step) for step in values["steps"]],
            [EpochRecord(**epoch) for epoch in values["epochs"]],
        )
