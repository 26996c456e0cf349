"""Medians, spreads, ratios and percentiles of rounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._statistics import percentile, ratios, significant, summary

SPEEDS = st.lists(st.floats(1e-3, 1e9), min_size=1, max_size=20)


@given(SPEEDS)
def test_a_summary_has_the_median_between_the_smallest_and_the_largest(values: list[float]):
    found = summary(values)
    assert np.isclose(found["median"], np.median(values), rtol=1e-3)
    assert (found["min"], found["max"]) == (significant(min(values)), significant(max(values)))
    assert len(found["rounds"]) == len(values)


def test_ratios_are_of_the_same_round():
    assert ratios([4.0, 9.0], [2.0, 3.0]) == [2.0, 3.0]


@given(SPEEDS, st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(
    values: list[float], share: float
):
    enough = [v for v in values if sum(w <= v for w in values) >= share * len(values)]
    assert percentile(values, share) == min(enough)


def test_four_digits_are_kept():
    assert [significant(v) for v in (123456.0, 0.0123456, 0.0)] == [123500.0, 0.01235, 0.0]
