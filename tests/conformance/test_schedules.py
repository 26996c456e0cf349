"""Schedules: fastai 1's one-cycle from fastai's own cosines, golden values of both versions."""

from __future__ import annotations

import pytest

from steadfit.training.optimizer import layer_rates
from steadfit.training.schedules import one_cycle
from tests.conformance.peer import AskPeer

LR, MOMS = 2e-2, (0.8, 0.7)
# Of ten steps. fastai 2 warms up over a quarter, sets its rate before the step and ends lower.
RATES_2 = [0.0008, 0.00743344, 0.0181666, 0.0197815, 0.0180902]
RATES_2 += [0.015, 0.0110454, 0.00690996, 0.00330886, 0.000864737]
MOMENTA_2 = [0.8, 0.76545, 0.70955, 0.70109, 0.70955, 0.725, 0.74477, 0.76545, 0.78346, 0.79568]
RATES_1 = [0.0008, 0.0056, 0.0152, 0.02, 0.0190097]
RATES_1 += [0.0162349, 0.0122252, 0.00777484, 0.00376517, 0.000990387]
MOMENTA_1 = [0.8, 0.775, 0.725, 0.7, 0.70495]


@pytest.mark.parametrize("steps", [4, 5, 10, 11, 37, 100])
def test_one_cycle_is_fastai_1s_made_of_fastais_cosines(ask_fastai: AskPeer, steps: int) -> None:
    fastais = ask_fastai("schedules", steps=steps, lr=LR, moms=MOMS).values
    points = [one_cycle(step, steps, MOMS) for step in range(steps)]
    assert [LR * point.rate for point in points] == pytest.approx(fastais["rates_1"], rel=1e-9)
    assert [point.momentum for point in points] == pytest.approx(fastais["momenta_1"], rel=1e-9)


def test_ten_steps_have_the_golden_values(ask_fastai: AskPeer) -> None:
    fastais = ask_fastai("schedules", steps=10, lr=LR, moms=MOMS).values
    assert fastais["rates"] == pytest.approx(RATES_2, rel=1e-5)
    assert fastais["momenta"] == pytest.approx(MOMENTA_2, abs=1e-5)
    points = [one_cycle(step, 10, MOMS) for step in range(10)]
    assert [LR * point.rate for point in points] == pytest.approx(RATES_1, rel=1e-5)
    assert [point.momentum for point in points[:5]] == pytest.approx(MOMENTA_1, abs=1e-5)


def test_a_slice_is_spread_over_groups_as_in_fastai(ask_fastai: AskPeer) -> None:
    fastais = ask_fastai("schedules", steps=10, lr=LR, moms=MOMS).values["spread"]
    assert layer_rates(slice(1e-3, 1e-1), 5) == pytest.approx(fastais)
    assert fastais == pytest.approx([0.001, 0.00316228, 0.01, 0.0316228, 0.1], rel=1e-5)
