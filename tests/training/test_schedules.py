"""Schedules against PyTorch's one-cycle, fastai 1's numbers and the paper's equation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.training.schedules import (
    SCHEDULES,
    constant,
    one_cycle,
    schedule_named,
    slanted_triangular,
)

MOMS = (0.8, 0.7)


@pytest.mark.parametrize("steps", [*range(4, 60), 97, 300, 999, 1000, 3001])
def test_one_cycle_is_pytorchs_over_one_step_more(steps: int) -> None:
    # Below four steps PyTorch's climb has no length, and it divides by zero.
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=2.0,
        total_steps=steps + 1,
        pct_start=(int(0.3 * steps) + 1) / (steps + 1),
        div_factor=25,
        final_div_factor=1e4,
        cycle_momentum=True,
        base_momentum=0.7,
        max_momentum=0.8,
    )
    (group,) = optimizer.param_groups
    for step in range(steps):
        point = one_cycle(step, steps, MOMS)
        assert point.rate * 2.0 == pytest.approx(group["lr"], abs=1e-7)
        assert point.momentum == pytest.approx(group["betas"][0], abs=1e-7)
        optimizer.step()
        scheduler.step()


def test_one_cycle_gives_fastais_numbers_for_ten_steps() -> None:
    points = [one_cycle(step, 10, MOMS) for step in range(10)]
    rates = [0.0008, 0.0056, 0.0152, 0.02, 0.0190097, 0.0162349, 0.0122252]
    rates += [0.00777484, 0.00376517, 0.000990387]
    assert [2e-2 * point.rate for point in points] == pytest.approx(rates, rel=1e-5)
    momenta = [0.8, 0.775, 0.725, 0.7, 0.70495]
    assert [point.momentum for point in points[:5]] == pytest.approx(momenta, abs=1e-5)


@pytest.mark.parametrize(
    ("steps", "rates"),
    [(1, [1 / 25]), (2, [1 / 25, 1.0]), (3, [1 / 25, 1.0, (1 + 1 / 250_000) / 2])],
)
def test_one_cycle_of_few_steps_still_climbs_first(steps: int, rates: list[float]) -> None:
    found = [one_cycle(step, steps, MOMS).rate for step in range(steps)]
    assert found == pytest.approx(rates)


@pytest.mark.parametrize("steps", [10, 11, 20, 47, 100, 1234])
def test_the_slanted_triangle_is_the_papers_equation_three(steps: int) -> None:
    cut_frac, ratio = 0.1, 32
    cut = math.floor(steps * cut_frac)
    for t in range(steps):
        if t < cut:
            p = t / cut
        else:
            p = 1 - (t - cut) / (cut * (1 / cut_frac - 1))
        expected = (1 + p * (ratio - 1)) / ratio
        # The paper's line runs below its own end where T is not a multiple of ten.
        expected = max(expected, 1 / ratio)
        assert slanted_triangular(t, steps, MOMS).rate == pytest.approx(expected)


def test_the_slanted_triangle_peaks_at_a_tenth_and_keeps_the_momentum() -> None:
    points = [slanted_triangular(step, 200, (0.95, 0.85)) for step in range(200)]
    assert max(range(200), key=lambda step: points[step].rate) == 20
    assert points[20].rate == 1.0
    assert {point.momentum for point in points} == {0.95}


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    steps=st.integers(1, 500),
    share=st.floats(0, 1, exclude_max=True),
)
def test_rates_are_above_zero_and_at_most_the_largest(name: str, steps: int, share: float) -> None:
    point = schedule_named(name)(int(share * steps), steps, MOMS)
    assert 0 < point.rate <= 1
    assert 0.7 <= point.momentum <= 0.8


def test_constant_stays() -> None:
    assert {constant(step, 9, (0.9, 0.1)) for step in range(9)} == {(1.0, 0.9)}


def test_an_unknown_schedule_is_refused_with_those_there_are() -> None:
    with pytest.raises(DataError, match="accepted are constant, one_cycle, slanted_triangular"):
        schedule_named("cosine")
