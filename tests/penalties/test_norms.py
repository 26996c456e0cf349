"""What is measured at each step is what a loop over rows and units finds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from steadfit.penalties import (
    gradient_norms_by_step,
    norm_changes_by_step,
    norms_by_step,
    saturation_by_step,
    states_by_step,
    zeros_by_step,
)

MEASURES = [norms_by_step, norm_changes_by_step, saturation_by_step, zeros_by_step]


@st.composite
def padded(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """States that hold zeros, NaN in the padding, and a mask of real steps anywhere."""
    batch, time = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    h = torch.randn(batch, time, 3, generator=generator, dtype=torch.float64).clamp(min=-0.5)
    h[h.abs() < 0.3] = 0
    mask = torch.rand(batch, time, generator=generator) < 0.7
    h[~mask] = math.nan
    return h, mask


def by_hand(h: Tensor, mask: Tensor, measure: str) -> list[float]:
    """The mean over real rows at each step, as plain loops."""
    found = []
    for t in range(h.shape[1]):
        values = []
        for row in range(h.shape[0]):
            if not mask[row, t]:
                continue
            units = h[row, t].tolist()
            norm = math.sqrt(sum(u * u for u in units))
            if measure == "norm":
                values.append(norm)
            elif measure == "saturation":
                values.append(sum(abs(u) > 0.95 for u in units) / len(units))
            elif measure == "zeros":
                values.append(sum(u == 0 for u in units) / len(units))
            elif t > 0 and mask[row, t - 1]:
                before = math.sqrt(sum(u * u for u in h[row, t - 1].tolist()))
                values.append(abs(norm - before))
        found.append(sum(values) / len(values) if values else math.nan)
    return found


@given(case=padded())
def test_each_measure_is_the_mean_a_loop_finds_whatever_the_padding_holds(
    case: tuple[Tensor, Tensor],
) -> None:
    h, mask = case
    names = ["norm", "change", "saturation", "zeros"]
    for measure, name in zip(MEASURES, names, strict=True):
        expected = by_hand(h, mask, name)
        assert measure(h, mask).tolist() == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_lengths_say_the_same_as_a_mask_and_none_means_all_steps() -> None:
    h = torch.randn(3, 5, 4)
    lengths = torch.tensor([5, 1, 3])
    for measure in MEASURES:
        masked = measure(h, torch.arange(5) < lengths.unsqueeze(1))
        assert torch.allclose(measure(h, lengths), masked, equal_nan=True)
        full = torch.full((3,), 5)
        assert torch.allclose(measure(h), measure(h, full), equal_nan=True)


def test_the_first_step_has_no_change_and_later_ones_do() -> None:
    h = torch.tensor([[[3.0, 4.0], [0.0, 2.0], [0.0, -2.0]]])  # norms 5, 2, 2
    assert norm_changes_by_step(h).tolist() == pytest.approx([math.nan, 3, 0], nan_ok=True)


def test_half_precision_is_measured_in_float32_without_gradient() -> None:
    h = torch.full((1, 2, 300), 100.0, dtype=torch.float16, requires_grad=True)
    norms = norms_by_step(h)  # squares of 100 do not fit float16
    assert norms.dtype == torch.float32
    assert not norms.requires_grad
    assert norms.tolist() == pytest.approx([math.sqrt(300) * 100] * 2)


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e30])
def test_states_whose_squares_leave_float32_have_a_norm(size: float) -> None:
    h = torch.tensor([[[3 * size, -4 * size, 0.0], [0.0, 0.0, 0.0]]])
    assert norms_by_step(h).tolist() == pytest.approx([5 * size, 0], rel=1e-4, abs=0)


def test_a_state_that_is_not_finite_has_no_finite_norm() -> None:
    h = torch.tensor([[[math.inf, 1.0], [math.nan, 1.0], [-math.inf, math.inf]]])
    assert norms_by_step(h).tolist() == pytest.approx([math.inf, math.nan, math.inf], nan_ok=True)


def test_units_count_as_saturated_above_the_threshold_only() -> None:
    h = torch.tensor([[[0.5, -0.75, 1.0, 0.0]]])
    assert saturation_by_step(h, threshold=0.5).tolist() == [0.5]
    assert saturation_by_step(h, threshold=0.25).tolist() == [0.75]


def test_a_state_that_is_not_a_number_is_neither_saturated_nor_zero() -> None:
    h = torch.tensor([[[0.0, 2.0], [math.nan, 2.0]]])
    for share in (saturation_by_step(h), zeros_by_step(h)):
        assert share.tolist() == pytest.approx([0.5, math.nan], nan_ok=True)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("h", "lengths", "message"),
    [
        (torch.zeros(2, 3, 4, dtype=torch.complex64), None, "complex64"),
        (torch.zeros(2, 3, 4, dtype=torch.int64), None, "int64"),
        (torch.zeros(3, 4), None, r"\(batch, time, units\)"),
        (torch.zeros(2, 3, 4), torch.tensor([3, 0]), "shortest length is 0"),
        (torch.zeros(2, 3, 4), torch.tensor([3, -1]), "from -1 to 3"),
        (torch.zeros(2, 3, 4), torch.tensor([3, 4]), "time = 3"),
        (torch.zeros(2, 3, 4), torch.tensor([3.0, 2.0]), "float32"),
        (torch.zeros(2, 3, 4), torch.tensor([3]), r"\(1,\)"),
        (torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool), r"\(2, 4\)"),
    ],
)
def test_states_and_lengths_that_do_not_fit_are_refused(measure, h, lengths, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        measure(h, lengths)


@pytest.mark.parametrize("threshold", [0, -1.0, math.inf, math.nan, True])
def test_a_threshold_that_is_no_positive_number_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        saturation_by_step(torch.zeros(1, 1, 1), threshold=threshold)


@pytest.mark.parametrize("a", [0.5, 1.0, 1.5])
def test_gradients_of_a_linear_recurrence_shrink_or_grow_as_its_power(a: float) -> None:
    # h_t = a h_{t−1}, loss = sum of h_T: ∂loss/∂h_t = a^(T−t) for each unit, √units of norm.
    h = torch.ones(3, 4, dtype=torch.float64, requires_grad=True)
    states = [h]
    for _ in range(5):
        states.append(a * states[-1])
    found = gradient_norms_by_step(states, states[-1].sum())
    assert found.tolist() == pytest.approx([2 * a ** (5 - t) for t in range(6)])


def test_gradients_through_a_module_count_all_later_steps() -> None:
    rnn = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True).double()
    nn.init.constant_(rnn.weight_hh_l0, 0.5)
    nn.init.constant_(rnn.weight_ih_l0, 1.0)
    states = states_by_step(rnn, torch.ones(2, 4, 1, dtype=torch.float64))
    loss = torch.stack(states, dim=1)[:, -1].sum()
    assert gradient_norms_by_step(states, loss).tolist() == [0.125, 0.25, 0.5, 1.0]


def test_steps_the_loss_does_not_see_have_no_gradient_and_the_graph_is_kept() -> None:
    h = torch.ones(1, 2, requires_grad=True)
    states = [h, 2 * h, 4 * h]
    loss = states[1].sum()
    assert gradient_norms_by_step(states, loss).tolist() == pytest.approx([8**0.5, 2**0.5, 0])
    loss.backward()
    assert h.grad is not None


def test_gradients_of_padded_steps_do_not_count() -> None:
    states = [torch.ones(2, 1, requires_grad=True) for _ in range(2)]
    loss = (torch.stack(states, dim=1).squeeze(2) * torch.tensor([[1.0, 2.0], [3.0, 9.0]])).sum()
    assert gradient_norms_by_step(states, loss, torch.tensor([2, 1])).tolist() == [2.0, 2.0]


def test_states_whose_gradients_would_mislead_are_refused() -> None:
    h = torch.ones(1, 2, requires_grad=True)
    with pytest.raises(ValueError, match="states_by_step"):
        gradient_norms_by_step(torch.stack([h, h], dim=1), h.sum())
    with pytest.raises(ValueError, match="does not depend"):
        gradient_norms_by_step([torch.ones(1, 2, requires_grad=True)], h.sum())
    with pytest.raises(ValueError, match="scalar"):
        gradient_norms_by_step([h], h)
    with pytest.raises(ValueError, match="no gradient"):
        gradient_norms_by_step([h.detach()], h.sum())
    with pytest.raises(ValueError, match="same shape"):
        gradient_norms_by_step([h, torch.ones(1, 3, requires_grad=True)], h.sum())
    with pytest.raises(ValueError, match="0 states"):
        gradient_norms_by_step([], h.sum())
