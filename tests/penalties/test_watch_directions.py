"""Two directions are told from what has been made of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    TemporalActivationRegularization,
    reference,
    watch,
)
from tests.penalties.watched_models import all_three, assert_same, batch, both_directions

LENGTHS = [4, 2, 3]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def copied(rnn: nn.GRU, x: Tensor) -> Tensor:
    return rnn(x)[0].clone()


def turned(rnn: nn.GRU, x: Tensor) -> Tensor:
    rnn.batch_first = False
    return rnn(x.transpose(0, 1))[0].transpose(0, 1)


def padded(rnn: nn.GRU, x: Tensor) -> Tensor:
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=6)[0]


class Wrapped(nn.Module):
    def __init__(self, after: Callable[[nn.GRU, Tensor], Tensor], inputs: int = 2) -> None:
        super().__init__()
        self.rnn = nn.GRU(inputs, 3, batch_first=True, bidirectional=True)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.rnn, x)


@pytest.mark.parametrize("after", [copied, turned, padded])
def test_a_wrapper_that_hands_on_two_directions_has_two(
    after: Callable[[nn.GRU, Tensor], Tensor],
) -> None:
    model = Wrapped(after).double()
    with watch(model, {"": all_three()}, batch_first=True) as watched:
        watched.set_lengths(torch.tensor(LENGTHS))
        for _ in range(2):  # it is told at the first call
            h = model(batch(3, 4, 2))
            assert_same(watched.penalty(), both_directions(h, LENGTHS, model.rnn), model)
        assert set(watched.norms()) == {"", "_reverse"}


def residual(rnn: nn.GRU, x: Tensor) -> Tensor:
    return x + rnn(x)[0]


def test_what_is_as_wide_but_something_else_is_refused_where_a_norm_is_taken() -> None:
    model = nn.Sequential(Wrapped(residual, 6), nn.Identity()).double()
    x = batch(2, 4, 6)
    with (
        watch(model, {"0": [NormStabilizer(2.0)]}),
        pytest.raises(ValueError, match=r"'0' .Wrapped. has the bidirectional '0.rnn' inside"),
    ):
        model(x)
    with watch(model, {"1": [NormStabilizer(2.0)]}) as watched:
        h = model(x)
        assert_same(watched.penalty(), reference.norm_stabilizer(h, 2.0, [4, 4]), model)


def test_ar_and_tar_are_the_same_mean_either_way() -> None:
    model = Wrapped(residual, 6).double()
    penalties = [ActivationRegularization(2.0), TemporalActivationRegularization(1.0)]
    with watch(model, {"": penalties}) as watched:
        watched.set_lengths(torch.tensor([4, 2]))
        h = model(batch(2, 4, 6))
        expected = reference.activation_regularization(h, 2.0, [4, 2])
        expected = expected + reference.temporal_activation_regularization(h, 1.0, [4, 2])
        assert_same(watched.penalty(), expected, model)


def test_one_direction_above_two_is_refused_if_it_is_as_wide() -> None:
    above = nn.GRU(6, 6, batch_first=True).double()
    model = Wrapped(lambda rnn, x: above(rnn(x)[0])[0]).double()
    with (
        watch(model, {"": [NormStabilizer(1.0)]}),
        pytest.raises(ValueError, match="Watch the recurrent module itself"),
    ):
        model(batch(2, 3, 2))


class Added(nn.Module):
    """Written by hand, in two directions that are added up."""

    batch_first = bidirectional = True

    def __init__(self, units: int, says: bool) -> None:
        super().__init__()
        self.there = nn.GRU(2, units, batch_first=True)
        self.back = nn.GRU(2, units, batch_first=True)
        if says:
            self.hidden_size = units

    def forward(self, x: Tensor) -> Tensor:
        return self.there(x)[0] + self.back(x.flip(1))[0].flip(1)


def test_directions_that_are_added_up_are_one_if_the_module_says_how_wide_one_is() -> None:
    model = Added(4, says=True).double()
    with watch(model, {"": [NormStabilizer(2.0)]}) as watched:
        h = model(batch(2, 3, 2))
        assert_same(watched.penalty(), reference.norm_stabilizer(h, 2.0, [3, 3]), model)
    model = Added(3, says=False).double()
    with (
        watch(model, {"": all_three()}),
        pytest.raises(ValueError, match="returned 3 units, which are no two directions"),
    ):
        model(batch(2, 3, 2))
