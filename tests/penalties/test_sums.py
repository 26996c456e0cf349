"""Sums and counts of parts add up to the penalty of the whole, in value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from operator import add

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.penalties import (
    Sums,
    activation_regularization,
    activation_sums,
    norm_stabilizer,
    norm_sums,
    temporal_activation_regularization,
    temporal_sums,
)


def states(batch: int, time: int, units: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, time, units, generator=generator, dtype=torch.float64)


def mask(lengths: Tensor, h: Tensor) -> Tensor:
    """Lengths of a whole batch begin at 1; a mask may leave a row without a real step."""
    return torch.arange(h.shape[1]) < lengths.unsqueeze(1)


def gradient(value: Tensor, h: Tensor) -> Tensor:
    return torch.autograd.grad(value, h, retain_graph=True)[0]


@st.composite
def windowed(draw: st.DrawFn) -> tuple[Tensor, Tensor, list[int]]:
    batch, time = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    lengths = torch.tensor([draw(st.integers(0, time)) for _ in range(batch)])
    cuts = sorted(draw(st.sets(st.integers(1, time))) | {0, time})
    return states(batch, time, 3, draw(st.integers(0, 1000))).requires_grad_(), lengths, cuts


@given(case=windowed(), use_lengths=st.booleans())
def test_windows_with_the_state_before_add_up_to_the_sequence(
    case: tuple[Tensor, Tensor, list[int]], use_lengths: bool
) -> None:
    h, lengths, cuts = case
    real = mask(lengths, h) if use_lengths else None
    parts: dict[str, list[Sums]] = {"ar": [], "tar": [], "norm": []}
    for start, stop in pairwise(cuts):
        window = h[:, start:stop]
        left = (lengths - start).clamp(0, stop - start) if use_lengths else None
        before = h[:, start - 1] if start else None
        parts["ar"].append(activation_sums(window, left))
        parts["tar"].append(temporal_sums(window, left, initial=before))
        parts["norm"].append(norm_sums(window, left, initial=before))

    for value, whole in [
        (reduce(add, parts["ar"]).mean(), activation_regularization(h, 1.0, real)),
        (reduce(add, parts["tar"]).mean(), temporal_activation_regularization(h, 1.0, real)),
        (reduce(add, parts["norm"]).over_rows().mean(), norm_stabilizer(h, 1.0, real)),
    ]:
        torch.testing.assert_close(value, whole)
        torch.testing.assert_close(gradient(value, h), gradient(whole, h))


@given(case=windowed(), cut=st.integers(0, 4))
def test_micro_batches_add_up_to_the_batch(
    case: tuple[Tensor, Tensor, list[int]], cut: int
) -> None:
    h, lengths, _ = case
    halves = [(h[:cut], lengths[:cut]), (h[cut:], lengths[cut:])]
    for value, whole in [
        (
            reduce(add, [activation_sums(*half) for half in halves]).mean(),
            activation_regularization(h, 1.0, mask(lengths, h)),
        ),
        (
            reduce(add, [temporal_sums(*half) for half in halves]).mean(),
            temporal_activation_regularization(h, 1.0, mask(lengths, h)),
        ),
        (
            reduce(add, [norm_sums(*half).over_rows() for half in halves]).mean(),
            norm_stabilizer(h, 1.0, mask(lengths, h)),
        ),
    ]:
        torch.testing.assert_close(value, whole)
        torch.testing.assert_close(gradient(value, h), gradient(whole, h))


def test_counts_are_of_what_was_added() -> None:
    h, lengths = states(3, 5, 2), torch.tensor([5, 1, 0])
    assert activation_sums(h, lengths).count.item() == 6 * 2
    assert temporal_sums(h, lengths).count.item() == 4 * 2
    assert temporal_sums(h, lengths, initial=h[:, 0]).count.item() == 6 * 2
    assert norm_sums(h, lengths).count.tolist() == [4, 0, 0]
    assert norm_sums(h, lengths, initial=h[:, 0]).count.tolist() == [5, 1, 0]
    known = torch.tensor([True, False, True])
    assert temporal_sums(h, lengths, h[:, 0], known).count.item() == 5 * 2
    assert norm_sums(h, lengths, h[:, 0], known).count.tolist() == [5, 0, 0]
    assert norm_sums(h).count.tolist() == [4, 4, 4]
    assert norm_sums(h).over_rows().count.item() == 3


@pytest.mark.parametrize("sums", [temporal_sums, norm_sums])
@pytest.mark.parametrize("known", [None, torch.tensor([True, False])])
def test_a_window_of_no_step_has_no_pair(sums: Callable[..., Sums], known: Tensor | None) -> None:
    initial = states(2, 1, 3)[:, 0]
    found = sums(torch.zeros(2, 0, 3), initial=initial, has_initial=known)
    assert not found.total.any()
    assert not torch.as_tensor(found.count).any()


@pytest.mark.parametrize("sums", [temporal_sums, norm_sums])
@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 2])])
def test_a_row_without_a_state_before_begins_with_its_first_step(
    sums: Callable[..., Sums], lengths: Tensor | None
) -> None:
    h = states(2, 3, 4).requires_grad_()
    initial = states(2, 4, 1)[:, :, 0].clone()
    initial[1] = float("nan")
    initial.requires_grad_()
    both = sums(h, lengths, initial=initial, has_initial=torch.tensor([True, False]))
    alone = [
        sums(h[:1], None if lengths is None else lengths[:1], initial=initial[:1]),
        sums(h[1:], None if lengths is None else lengths[1:]),
    ]
    torch.testing.assert_close(both.total.sum(), alone[0].total.sum() + alone[1].total.sum())
    assert both.count.sum() == alone[0].count.sum() + alone[1].count.sum()
    of_h, of_initial = torch.autograd.grad(both.total.sum(), (h, initial))
    assert torch.isfinite(of_h).all()
    assert of_initial[0].abs().sum() > 0
    assert not of_initial[1].any()


@pytest.mark.parametrize("sums", [temporal_sums, norm_sums])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial": torch.zeros(3, 4)}, r"\(3, 4\).*\(2, 4\)"),
        ({"has_initial": torch.ones(2, dtype=torch.bool)}, "without initial"),
        ({"initial": torch.zeros(2, 4), "has_initial": torch.ones(2)}, "float32.*bool"),
    ],
)
def test_states_before_that_do_not_fit_are_refused(
    sums: Callable[..., Sums], arguments: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sums(torch.zeros(2, 3, 4), **arguments)


@pytest.mark.parametrize("sums", [activation_sums, temporal_sums, norm_sums])
def test_lengths_of_windows_run_from_zero(sums: Callable[..., Sums]) -> None:
    with pytest.raises(ValueError, match=r"from -1 to 3.*from 0 to time = 3"):
        sums(states(2, 3, 4), torch.tensor([-1, 3]))


def test_padding_before_a_window_has_no_influence_even_where_it_holds_nan() -> None:
    whole = states(2, 7, 3)
    lengths = torch.tensor([7, 2])
    expected = norm_stabilizer(whole.requires_grad_(), 1.0, lengths)
    wanted = gradient(expected, whole)
    spoiled = whole.detach().clone()
    spoiled[1, 2:] = float("nan")
    spoiled.requires_grad_()
    first, second = spoiled[:, :4], spoiled[:, 4:]
    initial = spoiled[:, 3]
    parts = norm_sums(first, torch.tensor([4, 2])) + norm_sums(
        second, torch.tensor([3, 0]), initial=initial
    )
    found = parts.over_rows().mean()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient(found, spoiled), wanted)


def test_sums_of_other_rows_are_not_spread_over_all() -> None:
    h = states(3, 6, 2)
    left = norm_sums(h[:1, 3:], initial=h[:1, 2])
    with pytest.raises(ValueError, match=r"\(3,\) and \(1,\) are no parts of one whole"):
        norm_sums(h[:, :3]) + left
    with pytest.raises(ValueError, match="no parts of one whole"):
        norm_sums(h) + norm_sums(h).over_rows()


def test_which_rows_have_a_state_before_may_be_told_from_another_device() -> None:
    h = states(2, 3, 4).to("meta")
    known = torch.tensor([True, False])
    for sums in (norm_sums, temporal_sums):
        assert sums(h, initial=h[:, 0], has_initial=known).total.device.type == "meta"
