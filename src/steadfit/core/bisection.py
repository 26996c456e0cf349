"""Where an increasing function crosses zero, which is where a convex one is least."""

from __future__ import annotations

from collections.abc import Callable


def crossing(increasing: Callable[[float], float], low: float, high: float) -> float:
    """Return where `increasing`, negative at `low` and not at `high`, reaches zero.

    Halves the interval until no number lies between its ends, so the answer is the same on every
    run. The slope of a convex function gives its minimum so to full precision; from its values a
    search knows only half of the digits.
    """
    while low < (middle := (low + high) / 2) < high:
        if increasing(middle) < 0:
            low = middle
        else:
            high = middle
    return high
