"""Comparisons against enumeration, scipy, published examples and what must hold of any."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from steadfit.core.errors import DataError
from steadfit.report.comparison import (
    compare_counts,
    compare_predictions,
    mcnemar_p_value,
    wilson_interval,
)

counts = st.tuples(*[st.integers(0, 60)] * 4).filter(any)


@pytest.mark.parametrize("throws", range(11))
def test_the_p_value_is_the_share_of_coin_throws_at_least_as_one_sided(throws: int) -> None:
    heads_of_all = [sum(coins) for coins in product((0, 1), repeat=throws)]
    for heads in range(throws + 1):
        as_far = [abs(2 * other - throws) >= abs(2 * heads - throws) for other in heads_of_all]
        expected = sum(as_far) / len(as_far)
        assert mcnemar_p_value(heads, throws - heads) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(130, 171), (400, 520), (0, 900), (2500, 2500)])
def test_large_counts_have_the_p_value_of_scipy(a: int, b: int) -> None:
    expected = binomtest(a, a + b, 0.5).pvalue
    assert mcnemar_p_value(a, b) == pytest.approx(expected, rel=1e-9)


def test_a_p_value_below_the_smallest_number_is_zero() -> None:
    assert mcnemar_p_value(0, 3_000) == 0.0


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 2635-2650, method 10.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        # Cavo et al. (2012), as in Fagerland, Lydersen & Laake, Statistical Analysis of
        # Contingency Tables (2017), chapter 8.
        ((59, 6, 16, 80), (-0.1186, -0.0046)),
    ],
)
def test_published_intervals_of_a_difference_are_met(
    table: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    assert compare_counts(*table).interval == pytest.approx(interval, abs=5e-5)


def test_a_published_p_value_is_met() -> None:
    # Two media for tubercle bacilli: Armitage & Berry (1994), Statistical Methods, page 127.
    found = compare_counts(20, 12, 2, 16)
    assert found.p_value == pytest.approx(0.0129, abs=5e-5)
    assert (found.first_accuracy, found.second_accuracy) == (32 / 50, 22 / 50)


@pytest.mark.parametrize(
    ("right", "texts", "interval"),
    [  # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_published_wilson_intervals_are_met(
    right: int, texts: int, interval: tuple[float, float]
) -> None:
    assert wilson_interval(right, texts) == pytest.approx(interval, abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilson_intervals_are_those_of_scipy(texts: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, texts))
    expected = binomtest(right, texts).proportion_ci(0.95, method="wilson")
    found = wilson_interval(right, texts)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= found.low <= right / texts <= found.high <= 1


@given(counts)
def test_the_other_way_round_signs_change_and_nothing_else(
    table: tuple[int, int, int, int],
) -> None:
    both, first, second, neither = table
    found, turned = compare_counts(*table), compare_counts(both, second, first, neither)
    assert turned.p_value == found.p_value
    assert turned.difference == -found.difference
    mirrored = (-turned.interval.high, -turned.interval.low)
    assert found.interval == pytest.approx(mirrored, abs=1e-9)


@given(counts)
def test_the_difference_lies_in_its_interval_and_that_between_minus_one_and_one(
    table: tuple[int, int, int, int],
) -> None:
    found = compare_counts(*table)
    low, high = found.interval
    assert -1 - 1e-12 <= low <= found.difference <= high <= 1 + 1e-12
    assert low < high
    assert found.difference == pytest.approx(found.first_accuracy - found.second_accuracy)
    assert 0 < found.p_value <= 1


def test_pairs_that_agree_narrow_the_interval_but_leave_the_p_value() -> None:
    apart, together = compare_counts(400, 60, 40, 0), compare_counts(400, 60, 40, 500)
    assert apart.p_value == together.p_value

    def width(first: int, second: int, texts: int) -> float:  # of pairs that know nothing of pairs
        ends = [wilson_interval(right, texts) for right in (first, second)]
        return float(np.hypot(*(end.high - end.low for end in ends)))

    low, high = together.interval
    assert high - low < 0.6 * width(460, 440, 1_000)


@given(st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=1, max_size=40))
def test_predictions_are_counted_by_who_is_right(rows: list[tuple[str, str, str]]) -> None:
    first, second, labels = zip(*rows, strict=True)
    right = [(a == y) + 2 * (b == y) for a, b, y in rows]
    tallies = [right.count(3), right.count(1), right.count(2), right.count(0)]
    assert compare_predictions(first, second, labels) == compare_counts(*tallies)


def test_arrays_are_compared_as_lists_are() -> None:
    first, second, labels = [1, 0, 1, 1], [1, 1, 0, 1], [1, 0, 0, 0]
    assert compare_predictions(
        np.array(first), np.array(second), np.array(labels)
    ) == compare_predictions(first, second, labels)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="2 first predictions, 1 second predictions and 2 labels"):
        compare_predictions([1, 1], [1], [1, 0])
    with pytest.raises(DataError, match="No texts"):
        compare_predictions([], [], [])
    with pytest.raises(DataError, match="only_first is -1"):
        compare_counts(1, -1, 0, 0)
    with pytest.raises(DataError, match=r"only_second is 0\.5"):
        mcnemar_p_value(1, 0.5)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="right is 3"):
        wilson_interval(3, 2)
    with pytest.raises(DataError, match="texts is 0"):
        wilson_interval(0, 0)
