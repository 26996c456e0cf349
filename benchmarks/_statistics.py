"""What many rounds of a measurement come to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return the median of values, their range, and the values."""
    return {
        "median": significant(statistics.median(values)),
        "min": significant(min(values)),
        "max": significant(max(values)),
        "rounds": [significant(value) for value in values],
    }


def ratios(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    """Return ours ÷ peer's of each round, whose two halves were measured one after the other."""
    return [a / b for a, b in zip(ours, peers, strict=True)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p of McNemar's exact test of two readers of the same documents.

    Where both read equally well, a document that only one of them gets right is either's with
    probability a half.

    Args:
        only_first: documents that the first got right and the second wrong.
        only_second: the other way round.
    """
    count = only_first + only_second
    tail = sum(math.comb(count, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**count)


def significant(value: float) -> float:
    """Round to four significant digits: more were not measured."""
    return float(f"{value:.4g}")
