"""How outputs lie is taken from the module, from what it returned, or from the caller."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from steadfit.penalties import ActivationRegularization, NormStabilizer, reference, watch
from tests.penalties.watched_models import (
    TanhRNN,
    all_three,
    assert_same,
    batch,
    both_directions,
    by_loops,
)

LENGTHS = [4, 2, 3]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_row_without_its_batch_axis_is_one_row(bidirectional: bool) -> None:
    for batch_first in (False, True):
        rnn = nn.GRU(2, 3, batch_first=batch_first, bidirectional=bidirectional).double()
        with watch(rnn, {"": all_three()}) as watched:
            out, _ = rnn(batch(5, 2))
            assert_same(watched.penalty(), both_directions(out[None], None, rnn), rnn)
            norms = watched.norms()[""]
        torch.testing.assert_close(norms, out[:, :3].norm(dim=1))


@pytest.mark.parametrize("sorted_rows", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_outputs_carry_their_own_lengths(sorted_rows: bool, bidirectional: bool) -> None:
    rnn = nn.LSTM(2, 3, bidirectional=bidirectional).double()
    lengths = sorted(LENGTHS, reverse=True) if sorted_rows else LENGTHS
    packed = pack_padded_sequence(
        batch(3, 4, 2), lengths, batch_first=True, enforce_sorted=sorted_rows
    )
    with watch(rnn, {"": all_three()}) as watched:
        out, _ = rnn(packed)
        h, _ = pad_packed_sequence(out, batch_first=True)
        assert_same(watched.penalty(), both_directions(h, lengths, rnn), rnn)


def test_a_mask_hides_padding_wherever_it_is() -> None:
    rnn = nn.GRU(2, 3, batch_first=True).double()
    mask = torch.tensor([[False, True, True, True], [False, False, True, True]])
    with watch(rnn, {"": all_three()}) as watched:
        watched.set_lengths(mask)
        h, _ = rnn(batch(2, 4, 2))
        left = torch.stack([h[0].roll(-1, 0), h[1].roll(-2, 0)])  # padding behind, for the loops
        assert_same(watched.penalty(), by_loops(left, [3, 2]), rnn)


def test_ar_works_behind_a_dropout_that_sees_rows_and_steps_as_one_axis() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)).double()
    with watch(model, {"1": [ActivationRegularization(2.0)]}, batch_first=True) as watched:
        dropped = model(batch(6, 2))
        expected = 2 * (dropped**2).mean()
        assert_same(watched.penalty(), expected, model)
        assert watched.norms() == {}  # which step a state is of cannot be told
    with (
        watch(model, {"1": [NormStabilizer(2.0)]}, batch_first=True),
        pytest.raises(ValueError, match="batch axis"),
    ):
        model(batch(6, 2))


def test_norms_do_not_count_padding_that_holds_nan() -> None:
    class Padded(nn.Module):
        batch_first = True

        def forward(self, x: Tensor) -> Tensor:
            return x

    model = Padded()
    x = torch.tensor([[[3.0, 4.0], [float("nan")] * 2]], requires_grad=True)
    with watch(model, {"": all_three()}) as watched:
        watched.set_lengths(torch.tensor([1]))
        model(x)
        watched.penalty().backward()
        assert watched.norms()[""][0] == 5
    assert x.grad is not None
    assert x.grad.tolist() == [[[6.0, 8.0], [0.0, 0.0]]]  # AR alone: 2 * mean of two squares


def test_a_recurrent_module_written_by_hand_is_read_as_the_caller_says() -> None:
    model = nn.Sequential(TanhRNN()).double()
    with (
        pytest.raises(ValueError, match=r"'0' .TanhRNN.*batch_first"),
        watch(model, {"0": all_three()}),
    ):
        pass
    with watch(model, {"0": all_three()}, batch_first=True) as watched:
        h, _ = model(batch(2, 4, 2))
        assert_same(watched.penalty(), by_loops(h), model)


def test_an_attention_does_not_say_how_a_recurrent_module_lies() -> None:
    model = nn.ModuleDict({"rnn": TanhRNN(), "attention": nn.MultiheadAttention(2, 1)})
    with pytest.raises(ValueError, match="cannot be told"), watch(model, {"rnn": all_three()}):
        pass


def test_a_wrapper_that_mixes_two_directions_is_read_as_one() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(2, 3, batch_first=True, bidirectional=True)
            self.mix = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(self.rnn(x)[0])

    model = Mixed().double()
    with watch(model, {"": [NormStabilizer(2.0)]}) as watched:
        h = model(batch(2, 3, 2))
        assert_same(watched.penalty(), reference.norm_stabilizer(h, 2.0, [3, 3]), model)


def test_the_last_states_alone_are_not_taken_for_one_row() -> None:
    class Last(TanhRNN):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x)[1]

    model = Last()
    with (
        watch(model, {"": all_three()}, batch_first=True),
        pytest.raises(ValueError, match=r"shape \(2, 3\)"),
    ):
        model(torch.randn(2, 4, 2))


class TurnsAround(nn.Module):
    """Rows first outside, steps first inside, and it does not say so."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x.transpose(0, 1))[0].transpose(0, 1)


def test_batch_first_speaks_for_a_wrapper_that_turns_the_axes_around() -> None:
    model = nn.Sequential(TurnsAround()).double()
    x = batch(3, 4, 2)
    with watch(model, {"0": all_three()}, batch_first=True) as watched:
        h = model(x)
        assert_same(watched.penalty(), by_loops(h), model)
    with watch(model, {"0.rnn": all_three()}, batch_first=True) as watched:  # which says so itself
        h = model(x)
        assert_same(watched.penalty(), by_loops(h), model)


def test_an_encoder_and_a_decoder_have_a_watch_and_lengths_each() -> None:
    model = nn.ModuleDict({name: nn.GRU(2, 3, batch_first=True) for name in ("enc", "dec")})
    model.double()
    with watch(model, {"enc": all_three()}) as read, watch(model, {"dec": all_three()}) as written:
        read.set_lengths(torch.tensor([3, 2]))
        written.set_lengths(torch.tensor([4, 5]))
        first, state = model["enc"](batch(2, 3, 2))
        second, _ = model["dec"](batch(2, 5, 2), state)
        expected = by_loops(first, [3, 2]) + by_loops(second, [4, 5])
        assert_same(read.penalty() + written.penalty(), expected, model)
