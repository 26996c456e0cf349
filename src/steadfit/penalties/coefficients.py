"""Weights of a penalty: a number, or a schedule that gives one for each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

Coefficient = float | Callable[[int], float]
"""A number from zero, or a function of the step (0, 1, ...) that returns one."""


def warm_up(coefficient: float, steps: int) -> Callable[[int], float]:
    """Rise linearly from zero at step 0 to `coefficient` at step `steps`, and stay there.

    Raises:
        ValueError: the coefficient is not a number from zero, or `steps` is below one.
    """
    highest = checked(coefficient)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps is {steps!r}; a warm-up takes a whole number of steps, 1 or more")
    return _Rise(highest, steps)


@dataclass(frozen=True)
class _Rise:
    """A function, but one that can be pickled."""

    highest: float
    steps: int

    def __call__(self, step: int) -> float:
        return self.highest * min(step / self.steps, 1.0)


def coefficient_at(coefficient: Coefficient, step: int) -> float:
    """Return the coefficient of a step.

    Raises:
        ValueError: it is not a finite number from zero.
    """
    return checked(coefficient(step) if callable(coefficient) else coefficient, step)


def checked(value: object, step: int | None = None) -> float:
    """Return a coefficient as a float.

    Raises:
        ValueError: it is not a finite number from zero.
    """
    where = "the coefficient" if step is None else f"the coefficient at step {step}"
    return _number(value, where, ", or a function of the step that returns one")


def checked_number(name: str, value: object) -> float:
    """Return a coefficient that may be no schedule as a float.

    Raises:
        ValueError: it is not a finite number from zero.
    """
    hint = ". A schedule is for the modules: NormStabilizer(warm_up(...))(h, step=...)"
    return _number(value, name, hint if callable(value) else "")


def _number(value: object, what: str, hint: str) -> float:
    is_bool = isinstance(value, bool)  # a Real, too
    number = float(value) if isinstance(value, Real) and not is_bool else math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{what} is {value!r}; give a finite number from zero{hint}")
    return number
