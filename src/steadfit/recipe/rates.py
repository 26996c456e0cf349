"""A learning rate taken from a range test."""

from __future__ import annotations

from steadfit.core.console import say
from steadfit.training.evaluation import Batches
from steadfit.training.lr_finder import find_lr
from steadfit.training.objective import Objective
from steadfit.training.state import FitPlan

STEPS = 100


def found_rate(
    objective: Objective, train: Batches, plan: FitPlan, usual: float | str, steps: int = STEPS
) -> float:
    """Return the rate at which the loss is half-way down, or the usual one where it does not fall.

    The objective stays as it was. The same weights, batches and plan give the same rate.
    """
    found = find_lr(objective, train, plan, steps=steps)
    rate = found.suggestion
    if rate is None:
        rate = float(usual)
        say(f"Range test: {found.advice}; the usual rate {rate:.1e} is taken.")
    else:
        say(f"Range test: {found.advice}, which is taken.")
    return rate
