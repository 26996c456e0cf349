"""The penalties equal their plain float64 loops, in values and gradients, padding or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.penalties import (
    activation_regularization,
    norm_stabilizer,
    reference,
    temporal_activation_regularization,
    warm_up,
)

Penalty = Callable[..., Tensor]

PAIRS = [
    (activation_regularization, reference.activation_regularization),
    (temporal_activation_regularization, reference.temporal_activation_regularization),
    (norm_stabilizer, reference.norm_stabilizer),
]
PENALTIES = [fast for fast, _ in PAIRS]
TEMPORAL = PENALTIES[1:]
NAMES = ["AR", "TAR", "norm"]

each_pair = pytest.mark.parametrize(("fast", "slow"), PAIRS, ids=NAMES)
each = pytest.mark.parametrize("penalty", PENALTIES, ids=NAMES)
each_temporal = pytest.mark.parametrize("penalty", TEMPORAL, ids=NAMES[1:])


def states(batch: int, time: int, units: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, time, units, generator=generator, dtype=torch.float64)


def first_steps(lengths: Sequence[int], time: int) -> Tensor:
    """A mask, which unlike lengths may leave a row without a real step."""
    return torch.arange(time) < torch.tensor(lengths).unsqueeze(1)


def value_and_gradient(
    penalty: Penalty, h: Tensor, lengths: object, coefficient: float = 3.0
) -> tuple[Tensor, Tensor]:
    h = h.clone().requires_grad_()
    value = penalty(h, coefficient, lengths)
    if not value.requires_grad:  # the loop over no pair at all is a constant
        return value, torch.zeros_like(h)
    (gradient,) = torch.autograd.grad(value, h)
    return value.detach(), gradient


@st.composite
def ragged(draw: st.DrawFn) -> tuple[Tensor, list[int]]:
    batch, time, units = (draw(st.integers(1, most)) for most in (4, 5, 3))
    lengths = [draw(st.integers(0, time)) for _ in range(batch)]
    return states(batch, time, units, draw(st.integers(0, 1000))), lengths


@each_pair
@given(case=ragged())
def test_value_and_gradient_equal_the_loop_over_ragged_rows(
    fast: Penalty, slow: Penalty, case: tuple[Tensor, list[int]]
) -> None:
    h, lengths = case
    mask = first_steps(lengths, h.shape[1])
    value, gradient = value_and_gradient(fast, h, mask)
    expected, expected_gradient = value_and_gradient(slow, h, lengths)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@each_pair
@pytest.mark.parametrize("shape", [(3, 7, 4), (7, 3, 4), (1, 6, 2), (4, 1, 3), (2, 5, 1)])
def test_value_and_gradient_equal_the_loop_without_lengths(
    fast: Penalty, slow: Penalty, shape: tuple[int, int, int]
) -> None:
    h = states(*shape)
    value, gradient = value_and_gradient(fast, h, None)
    expected, expected_gradient = value_and_gradient(slow, h, [shape[1]] * shape[0])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@each
@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 2, 1]), first_steps([4, 2, 0], 4)])
def test_gradient_equals_finite_differences(penalty: Penalty, lengths: Tensor | None) -> None:
    h = states(3, 4, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: penalty(x, 2.0, lengths), h)


def test_one_row_of_three_steps_has_the_values_worked_out_by_hand() -> None:
    h = torch.tensor([[[1.0], [2.0], [4.0]]])  # fastai's guard on the batch axis makes TAR 0 here
    assert activation_regularization(h, 2.0).item() == 2 * (1 + 4 + 16) / 3
    assert temporal_activation_regularization(h, 1.0).item() == (1 + 4) / 2
    assert norm_stabilizer(h, 1.0).item() == (1 + 4) / 2


def test_norms_are_taken_over_units_of_one_row_and_step() -> None:
    h = torch.tensor([[[3.0, 4.0], [0.0, 5.0], [8.0, 6.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 3.0]]])
    assert norm_stabilizer(h, 2.0).item() == pytest.approx(2 * ((0 + 25) / 2 + (0 + 4) / 2) / 2)


def test_one_norm_over_the_whole_batch_and_time_is_another_number() -> None:
    h = states(4, 6, 3)
    whole = (h[:, 1:].pow(2).sum().sqrt() - h[:, :-1].pow(2).sum().sqrt()).pow(2) / h.shape[1]
    assert norm_stabilizer(h, 1.0).item() > 3 * whole.item()


def test_a_change_along_the_batch_axis_costs_nothing() -> None:
    rows = states(5, 1, 3)
    h = rows.expand(5, 4, 3)  # rows differ, steps do not
    assert temporal_activation_regularization(h, 1.0).item() == 0
    assert norm_stabilizer(h, 1.0).item() == 0
    assert temporal_activation_regularization(h.transpose(0, 1), 1.0).item() > 0.1


@each_temporal
@pytest.mark.parametrize("lengths", [None, torch.tensor([1, 1]), first_steps([0, 1], 1)])
def test_one_step_costs_nothing_and_has_zero_gradients(
    penalty: Penalty, lengths: Tensor | None
) -> None:
    value, gradient = value_and_gradient(penalty, states(2, 1, 3), lengths)
    assert value.item() == 0
    assert torch.equal(gradient, torch.zeros(2, 1, 3, dtype=torch.float64))


@each
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 2]), first_steps([0, 0], 3)])
def test_zero_states_have_finite_gradients(penalty: Penalty, lengths: Tensor | None) -> None:
    value, gradient = value_and_gradient(penalty, torch.zeros(2, 3, 4), lengths)
    assert value.item() == 0
    assert torch.equal(gradient, torch.zeros(2, 3, 4))


def test_a_zero_state_between_others_leaves_their_gradients_finite() -> None:
    h = states(1, 3, 2)
    h[0, 1] = 0
    _, gradient = value_and_gradient(norm_stabilizer, h, None)
    assert torch.isfinite(gradient).all()
    assert gradient[0, 0].abs().sum() > 0


@each
@pytest.mark.parametrize("filling", [0.0, 1e30, float("inf"), float("nan")])
def test_padding_changes_neither_value_nor_gradient(penalty: Penalty, filling: float) -> None:
    real = first_steps([5, 3, 1, 0], 5)
    h = states(4, 5, 3)
    padded = h.where(real.unsqueeze(-1), filling)
    value, gradient = value_and_gradient(penalty, h, real)
    padded_value, padded_gradient = value_and_gradient(penalty, padded, real)
    assert torch.equal(value, padded_value)
    assert torch.equal(gradient, padded_gradient)
    assert not gradient[~real].any()


@each
def test_more_padding_changes_nothing(penalty: Penalty) -> None:
    h = states(2, 4, 3)
    lengths = torch.tensor([4, 2])
    longer = torch.cat([h, torch.full((2, 3, 3), 7.0, dtype=h.dtype)], dim=1)
    torch.testing.assert_close(penalty(h, 1.0, lengths), penalty(longer, 1.0, lengths))


@each
def test_a_mask_means_the_same_as_lengths(penalty: Penalty) -> None:
    h = states(3, 5, 2)
    lengths = torch.tensor([5, 2, 3])
    mask = first_steps([5, 2, 3], 5)
    assert torch.equal(penalty(h, 1.0, mask), penalty(h, 1.0, lengths))
    assert torch.equal(penalty(h, 1.0, torch.full((3,), 5)), penalty(h, 1.0, mask | True))


@each_temporal
def test_steps_on_two_sides_of_a_gap_are_no_pair(penalty: Penalty) -> None:
    h = states(1, 5, 2)
    mask = torch.tensor([[True, True, False, True, True]])
    parts = penalty(h[:, :2], 1.0) + penalty(h[:, 3:], 1.0)
    torch.testing.assert_close(penalty(h, 1.0, mask), parts / 2)


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_states_of_low_precision_are_computed_in_float32(
    penalty: Penalty, dtype: torch.dtype
) -> None:
    h = (100 * states(2, 6, 50)).to(dtype)  # the sum of squares is beyond float16
    value, gradient = value_and_gradient(penalty, h, torch.tensor([6, 4]))
    expected, _ = value_and_gradient(penalty, h.double(), torch.tensor([6, 4]))
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert torch.isfinite(gradient).all()
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


@each
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([4, 2]), "from 2 to 4.*time = 3"),
        (torch.tensor([0, 2]), "shortest length is 0.*one real step"),
        (torch.tensor([-1, 2]), "shortest length is -1"),
        (torch.tensor([1, 2, 3]), r"shape \(3,\).*\(2,\)"),
        (torch.tensor([1.0, 2.0]), "float32.*integers"),
        (torch.ones(2, 4, dtype=torch.bool), r"\(2, 4\).*\(2, 3\)"),
        (torch.ones(2, dtype=torch.bool), r"mask has shape \(2,\)"),
        ([3, 2], "lengths are a list; give a tensor"),
        (torch.tensor([3, 2]).numpy(), "lengths are a ndarray"),
        (torch.tensor([4, 2], dtype=torch.uint16), "from 2 to 4"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(
    penalty: Penalty, lengths: Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        penalty(torch.zeros(2, 3, 4), 1.0, lengths)


@each
@pytest.mark.parametrize(
    "wrong",
    [
        (torch.zeros(2, 3, 4), None),
        torch.zeros(3, 4),
        *(torch.zeros(2, 3, 4, dtype=d) for d in (torch.int64, torch.complex64)),
    ],
)
def test_states_that_are_none_are_refused(penalty: Penalty, wrong: Tensor) -> None:
    with pytest.raises(ValueError, match="batch, time, units"):
        penalty(wrong, 1.0)


@each
@pytest.mark.parametrize("wrong", [-1.0, float("nan"), True, "2", torch.tensor(1.0)])
def test_coefficients_that_are_none_are_refused(penalty: Penalty, wrong: object) -> None:
    with pytest.raises(ValueError, match=r"(alpha|beta) is .*; give a finite number from zero"):
        penalty(torch.zeros(2, 3, 4), wrong)


def test_a_schedule_is_for_the_modules() -> None:
    with pytest.raises(ValueError, match=r"beta is .*A schedule is for the modules"):
        norm_stabilizer(torch.zeros(2, 3, 4), warm_up(50.0, 10))
