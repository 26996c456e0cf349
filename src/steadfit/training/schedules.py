"""Learning rate and momentum as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from steadfit.core.errors import DataError

Momenta = tuple[float, float]


class Point(NamedTuple):
    """What the optimizer is set to before a step."""

    rate: float  # as a share of the group's largest learning rate
    momentum: float


Schedule = Callable[[int, int, Momenta], Point]
"""`(step, steps, (high, low) momenta)` → the point for that step, counted from zero."""


def one_cycle(step: int, steps: int, moms: Momenta) -> Point:
    """Follow fastai 1's one-cycle curve (Smith, 2018): warm up over 30 % of the steps, cool down.

    The rate climbs from 1/25 on a cosine, then falls to 1/250,000; the momentum mirrors it. The
    first step is at the very start of the curve and the last one just short of its end, since
    fastai 1 moves along after the step. Below four steps, where fastai 1 divides by zero, the
    climb takes one step.
    """
    climb = max(1, int(0.3 * steps))
    high, low = moms
    if step <= climb:
        done = step / climb
        return Point(_cosine(1 / 25, 1.0, done), _cosine(high, low, done))
    done = (step - climb) / (steps - climb)
    return Point(_cosine(1.0, 1 / 250_000, done), _cosine(low, high, done))


def slanted_triangular(step: int, steps: int, moms: Momenta) -> Point:
    """Follow the slanted triangle of ULMFiT (Howard & Ruder, 2018, equation 3).

    cut_frac 0.1 and ratio 32; the momentum stays at the first of `moms`. Where rounding would
    take the paper's line below its own end, the smallest rate, it stays there; below ten steps
    the climb takes one step.
    """
    cut_frac, ratio = 0.1, 32
    cut = max(1, math.floor(steps * cut_frac))
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_frac - 1))
    return Point((1 + max(p, 0.0) * (ratio - 1)) / ratio, moms[0])


def constant(step: int, steps: int, moms: Momenta) -> Point:
    """Stay at the largest rate and the first of `moms`."""
    return Point(1.0, moms[0])


SCHEDULES: dict[str, Schedule] = {
    "one_cycle": one_cycle,
    "slanted_triangular": slanted_triangular,
    "constant": constant,
}


def schedule_named(name: str) -> Schedule:
    """Return a schedule by its name.

    Raises:
        DataError: there is no such schedule.
    """
    if not isinstance(name, str) or name not in SCHEDULES:
        raise DataError(f"schedule is {name!r}; accepted are {', '.join(sorted(SCHEDULES))}.")
    return SCHEDULES[name]


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (math.cos(math.pi * done) + 1)
