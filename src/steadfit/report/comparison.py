"""Whether two sets of predictions for the same texts differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError

Z = NormalDist().inv_cdf(0.975)  # of an interval of 95 %, two-sided


class Interval(NamedTuple):
    """Both ends of a 95 % interval."""

    low: float
    high: float


class Comparison(NamedTuple):
    """What the same texts say of two classifiers."""

    first_accuracy: float
    second_accuracy: float
    difference: float  # first - second
    interval: Interval  # of the difference
    p_value: float  # exact McNemar test of no difference
    both_right: int
    only_first: int  # texts that only the first has right
    only_second: int
    both_wrong: int


def compare_predictions(
    first: Sequence[Hashable], second: Sequence[Hashable], labels: Sequence[Hashable]
) -> Comparison:
    """Compare two predictions for each text with its true label.

    Pairs tell more than two accuracies do: what both have right or wrong is no evidence for either.

    Raises:
        DataError: the three are not of one length, or empty.
    """
    if not len(first) == len(second) == len(labels):
        raise DataError(
            f"{len(first)} first predictions, {len(second)} second predictions and {len(labels)} "
            "labels were given: pass one of each for every text, in the same order."
        )
    pairs = [(a == y, b == y) for a, b, y in zip(first, second, labels, strict=True)]
    return compare_counts(
        both_right=pairs.count((True, True)),
        only_first=pairs.count((True, False)),
        only_second=pairs.count((False, True)),
        both_wrong=pairs.count((False, False)),
    )


def compare_counts(
    both_right: int, only_first: int, only_second: int, both_wrong: int
) -> Comparison:
    """Compare two classifiers by how many texts both, one or neither has right.

    Raises:
        DataError: a count is no whole number from 0, or there are no texts.
    """
    counts = _counts(
        both_right=both_right,
        only_first=only_first,
        only_second=only_second,
        both_wrong=both_wrong,
    )
    both_right, only_first, only_second, both_wrong = counts
    texts = sum(counts)
    if not texts:
        raise DataError("No texts were given: a comparison needs at least one.")
    return Comparison(
        (both_right + only_first) / texts,
        (both_right + only_second) / texts,
        (only_first - only_second) / texts,
        _difference_interval(both_right, only_first, only_second, both_wrong),
        mcnemar_p_value(only_first, only_second),
        *counts,
    )


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test (McNemar, 1947; sign test).

    Were both equally good, each text that only one has right would be a fair coin's throw: the
    value is twice the binomial tail of the smaller count, 1 at most. Exact in whole numbers.

    Raises:
        DataError: a count is no whole number from 0.
    """
    only_first, only_second = _counts(only_first=only_first, only_second=only_second)
    throws = only_first + only_second
    ways = tail = 1  # of throwing no heads
    for heads in range(1, min(only_first, only_second) + 1):
        ways = ways * (throws - heads + 1) // heads
        tail += ways
    return min(1.0, 2 * tail / 2**throws)


def wilson_interval(right: int, texts: int) -> Interval:
    """Return the 95 % score interval of an accuracy (Wilson, 1927), without correction.

    It stays within 0 and 1, and has a width where all or none are right.

    Raises:
        DataError: `texts` is no whole number from 1, or `right` none from 0 to `texts`.
    """
    texts = whole_number("texts", texts, least=1)
    right = whole_number("right", right, largest=texts)
    share = right / texts
    middle = share + Z**2 / (2 * texts)
    reach = Z * math.sqrt(share * (1 - share) / texts + (Z / (2 * texts)) ** 2)
    scale = 1 + Z**2 / texts
    # In exact arithmetic these ends are 0 and 1; rounding must not put them beside it.
    low = 0.0 if right == 0 else (middle - reach) / scale
    high = 1.0 if right == texts else (middle + reach) / scale
    return Interval(low, high)


def _difference_interval(
    both_right: int, only_first: int, only_second: int, both_wrong: int
) -> Interval:
    """Return the 95 % interval of accuracy first - second: Newcombe (1998), paired, method 10.

    Both Wilson intervals, squared and added, less what the correlation of the pairs explains. The
    plain (Wald) interval has no width where the classifiers never differ, and covers too little.
    """
    texts = both_right + only_first + only_second + both_wrong
    first, second = both_right + only_first, both_right + only_second
    of_first, of_second = wilson_interval(first, texts), wilson_interval(second, texts)
    correlation = _correlation(both_right, only_first, only_second, both_wrong)
    below_first, above_first = first / texts - of_first.low, of_first.high - first / texts
    below_second, above_second = second / texts - of_second.low, of_second.high - second / texts

    def reach(a: float, b: float) -> float:
        return math.sqrt(a * a - 2 * correlation * a * b + b * b)

    difference = (only_first - only_second) / texts
    return Interval(
        difference - reach(below_first, above_second), difference + reach(above_first, below_second)
    )


def _correlation(both_right: int, only_first: int, only_second: int, both_wrong: int) -> float:
    """Return φ of the fourfold table, where positive corrected for continuity as in method 10."""
    texts = both_right + only_first + only_second + both_wrong
    first, second = both_right + only_first, both_right + only_second
    margins = first * (texts - first) * second * (texts - second)
    if not margins:
        return 0.0
    product = both_right * both_wrong - only_first * only_second
    corrected = max(product - texts / 2, 0.0) if product > 0 else product
    return corrected / math.sqrt(margins)


def _counts(**counts: int) -> list[int]:
    return [whole_number(name, count) for name, count in counts.items()]
