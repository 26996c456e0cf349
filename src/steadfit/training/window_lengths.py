"""What a fit makes of batches whose windows, and so whose number, differ from epoch to epoch."""

from __future__ import annotations

from typing import TypeGuard

from steadfit.data.lm_stream import LanguageModelStream
from steadfit.training.evaluation import Batches
from steadfit.training.penalty_terms import Sizes
from steadfit.training.state import FitPlan


def batches_of(train: Batches, epoch: int) -> int:
    """Return how many batches an epoch has."""
    return train.length(epoch) if _is_drawn(train) else len(train)


def total_steps(train: Batches, plan: FitPlan) -> int:
    """Return the optimizer steps of a whole fit, which a schedule must know at its beginning."""
    if not _is_drawn(train):
        return plan.epochs * -(-len(train) // plan.accumulate)
    epochs = range(plan.first_epoch, plan.first_epoch + plan.epochs)
    return sum(-(-train.length(epoch) // plan.accumulate) for epoch in epochs)


def rate_share(train: Batches, sizes: Sizes) -> float:
    """Return what a step's learning rate is multiplied by: its windows' length, over bptt.

    One for windows that are not drawn. Without it short windows, whose losses are means over fewer
    tokens, would count for more than long ones (Merity et al., 2017, section 4.1). Micro-batches
    count with their mean length.
    """
    return sizes.steps / (sizes.rows * train.bptt) if _is_drawn(train) else 1.0


def _is_drawn(train: Batches) -> TypeGuard[LanguageModelStream]:
    return isinstance(train, LanguageModelStream) and train.bptt_jitter
