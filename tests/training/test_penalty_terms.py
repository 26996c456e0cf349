"""Penalties added up over windows and micro-batches against the whole sequence's value."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.penalties import (
    activation_regularization,
    norm_stabilizer,
    temporal_activation_regularization,
)
from steadfit.training.penalty_terms import Penalties, PenaltyTally, Sizes

COEFFICIENTS = Penalties(alpha=2.0, beta=1.5, beta_norm=50.0)


def whole(hidden: Tensor, dropped: Tensor, lengths: Tensor) -> dict[str, Tensor]:
    return {
        "ar": activation_regularization(dropped, 2.0, lengths),
        "tar": temporal_activation_regularization(hidden, 1.5, lengths),
        "norm": norm_stabilizer(hidden, 50.0, lengths),
    }


@pytest.mark.parametrize("cut", [1, 2, 5, 11])
def test_windows_of_documents_that_end_one_by_one_give_the_values_of_the_whole(cut: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(4, 11, 6, generator=generator)
    dropped = torch.randn(4, 11, 6, generator=generator)
    lengths = torch.tensor([11, 7, 2, 1])  # longest first, as the model hands them over
    tally = PenaltyTally(COEFFICIENTS, rows=4, units=6, device=hidden.device)
    for start in range(0, 11, cut):
        rows = int((lengths > start).sum())
        window = slice(start, start + cut)
        left = (lengths[:rows] - start).clamp(max=hidden[:, window].shape[1])
        previous = hidden[:rows, start - 1] if start else None
        tally.add(hidden[:rows, window], dropped[:rows, window], left, previous)
    values = tally.values(Sizes(targets=4, steps=int(lengths.sum()), rows=4))
    expected = whole(hidden, dropped, lengths)
    assert values.keys() == expected.keys()
    for name, value in values.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_sizes_of_micro_batches_add() -> None:
    assert Sizes(2, 9, 2).plus(Sizes(3, 4, 3)) == Sizes(5, 13, 5)


def test_micro_batches_add_up_to_the_values_of_one_batch() -> None:
    hidden = torch.randn(5, 7, 6, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([7, 6, 4, 2, 1])
    sizes = Sizes(5, int(lengths.sum()), 5)
    total: dict[str, Any] = {}
    for rows in (slice(0, 2), slice(2, 5)):
        part = hidden[rows]
        tally = PenaltyTally(COEFFICIENTS, len(part), 6, hidden.device)
        tally.add(part, part, lengths[rows])
        for name, value in tally.values(sizes).items():
            total[name] = total.get(name, 0) + value
    for name, value in whole(hidden, hidden, lengths).items():
        torch.testing.assert_close(total[name], value, rtol=1e-5, atol=1e-6)


def test_a_coefficient_of_zero_leaves_its_term_out() -> None:
    hidden = torch.ones(2, 3, 4)
    tally = PenaltyTally(Penalties(0.0, 1.0, 0.0), 2, 4, hidden.device)
    tally.add(hidden, hidden)
    assert tally.values(Sizes(6, 6, 2)).keys() == {"tar"}


def test_one_step_has_no_pairs_and_costs_nothing() -> None:
    hidden = torch.ones(2, 1, 4, requires_grad=True)
    tally = PenaltyTally(Penalties(0.0, 1.0, 50.0), 2, 4, hidden.device)
    tally.add(hidden, hidden)
    values = tally.values(Sizes(2, 2, 2))
    assert {name: value.item() for name, value in values.items()} == {"tar": 0.0, "norm": 0.0}
    sum(values.values()).backward()
    assert hidden.grad is not None
    assert not hidden.grad.any()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "2", None])
@pytest.mark.parametrize("name", ["alpha", "beta", "beta_norm"])
def test_a_coefficient_is_a_number_from_zero(name: str, value: Any) -> None:
    with pytest.raises(DataError, match=name):
        Penalties(**{name: value})
