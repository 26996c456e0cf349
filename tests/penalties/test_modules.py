"""Penalties as modules: the functions, with a coefficient or a schedule of their own."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    TemporalActivationRegularization,
    reference,
    warm_up,
)
from steadfit.penalties.modules import Penalty

PAIRS = [
    (ActivationRegularization, reference.activation_regularization),
    (TemporalActivationRegularization, reference.temporal_activation_regularization),
    (NormStabilizer, reference.norm_stabilizer),
]
each_pair = pytest.mark.parametrize(("kind", "loop"), PAIRS)


@pytest.fixture
def h() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)


@each_pair
def test_a_module_is_its_loop_with_its_coefficient(
    kind: type[Penalty], loop: Callable[..., Tensor], h: Tensor
) -> None:
    torch.testing.assert_close(kind(2.5)(h), loop(h, 2.5, [4, 4]))
    torch.testing.assert_close(kind(2.5)(h, torch.tensor([4, 2])), loop(h, 2.5, [4, 2]))
    rising = kind(lambda step: step / 2)
    torch.testing.assert_close(rising(h, step=3), loop(h, 1.5, [4, 4]))
    assert rising(h).item() == 0


@each_pair
def test_rows_without_a_step_are_refused_as_lengths_but_not_in_a_mask(
    kind: type[Penalty], loop: Callable[..., Tensor], h: Tensor
) -> None:
    with pytest.raises(ValueError, match="shortest length is 0"):
        kind(1.0)(h, torch.tensor([4, 0]))
    mask = torch.tensor([[True] * 4, [False] * 4])
    torch.testing.assert_close(kind(1.0)(h, mask), loop(h, 1.0, [4, 0]))


@pytest.mark.parametrize("good", [0, 2, 0.5, np.float32(0.5), np.int64(3), Fraction(1, 2)])
def test_any_finite_number_from_zero_is_a_coefficient(good: float) -> None:
    assert NormStabilizer(good).at(7) == float(good)


@pytest.mark.parametrize(
    "bad", [-1.0, -1e-30, math.nan, math.inf, -math.inf, True, "2", None, 1j, torch.tensor(1.0)]
)
def test_what_is_no_coefficient_is_refused(bad: object) -> None:
    for make in (ActivationRegularization, NormStabilizer, lambda one: warm_up(one, 10)):
        with pytest.raises(ValueError, match="finite number from zero"):
            make(bad)
    with pytest.raises(ValueError, match="at step 3 is"):
        NormStabilizer(lambda step: bad).at(3)  # type: ignore[arg-type,return-value]


def test_a_warm_up_rises_in_a_line_and_stays() -> None:
    schedule = warm_up(50.0, steps=4)
    assert [schedule(step) for step in (0, 1, 2, 3, 4, 5, 1000)] == [0, 12.5, 25, 37.5, 50, 50, 50]
    assert warm_up(0.1, 3)(3) == 0.1
    again = pickle.loads(pickle.dumps(NormStabilizer(schedule)))
    assert again.coefficient(2) == schedule(2)


@pytest.mark.parametrize("steps", [0, -1, 2.0, True, None])
def test_a_warm_up_takes_one_step_or_more(steps: object) -> None:
    with pytest.raises(ValueError, match="whole number of steps"):
        warm_up(1.0, steps)  # type: ignore[arg-type]


def test_what_a_penalty_reads_is_one_of_two() -> None:
    with pytest.raises(ValueError, match='"hidden" or "cell"'):
        NormStabilizer(1.0, on="states")  # type: ignore[arg-type]
    assert repr(NormStabilizer(5.0, on="cell")) == "NormStabilizer(5.0, on='cell')"
