"""A module run by windows or steps says what it says when it is run whole."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from steadfit.penalties import BitsByStep, RecurrentRun, states_by_step

KINDS = [
    nn.RNN(3, 4, num_layers=2, batch_first=True),
    nn.GRU(3, 4),
    nn.LSTM(3, 4, num_layers=2, batch_first=True),
    nn.LSTM(3, 4, proj_size=2),
]


def whole(rnn: nn.RNNBase, x: Tensor) -> Tensor:
    """The states (rows, time, units) of x (rows, time, inputs)."""
    h, _ = rnn(x) if rnn.batch_first else rnn(x.transpose(0, 1))
    return h if rnn.batch_first else h.transpose(0, 1)


@pytest.mark.parametrize("rnn", KINDS, ids=str)
def test_windows_go_on_where_the_one_before_ended(rnn: nn.RNNBase) -> None:
    x = torch.randn(2, 7, 3)
    run = RecurrentRun(rnn)
    first, state = run(x[:, :3])
    second, _ = run(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole(rnn, x))


def test_inputs_go_through_the_embedding() -> None:
    embedding, rnn = nn.Embedding(5, 3), nn.GRU(3, 4, batch_first=True)
    tokens = torch.randint(5, (2, 6))
    h, _ = RecurrentRun(rnn, embedding)(tokens)
    torch.testing.assert_close(h, whole(rnn, embedding(tokens)))


@pytest.mark.parametrize("rnn", KINDS, ids=str)
def test_states_step_by_step_are_those_of_the_module_with_the_same_gradients(
    rnn: nn.RNNBase,
) -> None:
    x = torch.randn(2, 5, 3)
    stepped = torch.stack(states_by_step(rnn, x if rnn.batch_first else x.transpose(0, 1)), dim=1)
    torch.testing.assert_close(stepped, whole(rnn, x))
    weights = list(rnn.parameters())
    ours = torch.autograd.grad(stepped.square().sum(), weights)
    theirs = torch.autograd.grad(whole(rnn, x).square().sum(), weights)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("rnn", [nn.GRU(3, 4, batch_first=True), nn.LSTM(3, 4, batch_first=True)])
def test_a_change_of_a_state_changes_the_later_ones_by_its_gradient(rnn: nn.RNNBase) -> None:
    # The derivative of h_3 with respect to h_1 is that of running on from h_1 as the state.
    rnn = rnn.double()
    x = torch.randn(1, 3, 3, dtype=torch.float64)
    states = states_by_step(rnn, x)
    (found,) = torch.autograd.grad(states[-1].sum(), states[0])
    _, after = rnn(x[:, :1])
    h, *cells = after if isinstance(after, tuple) else (after,)

    def end(h: Tensor) -> float:
        state = (h, *cells) if cells else h
        return float(rnn(x[:, 1:], state)[0][:, -1].detach().sum())

    for unit in range(4):
        step = torch.zeros_like(h)
        step[0, 0, unit] = 1e-6
        slope = (end(h + step) - end(h - step)) / 2e-6
        assert found[0, unit].item() == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_bits_are_what_each_target_costs_counted_from_where_the_window_begins() -> None:
    decoder = nn.Linear(4, 3)
    targets = torch.tensor([[0, 1, 2, 0], [2, 2, 1, 0]])
    h = torch.randn(2, 2, 4)
    bits = BitsByStep(decoder, targets)(h, 1)
    for row in range(2):
        for t in range(2):
            chances = decoder(h[row, t]).softmax(0)
            expected = -math.log2(chances[targets[row, 1 + t]].item())
            assert bits[row, t].item() == pytest.approx(expected, rel=1e-5)


def test_targets_that_do_not_reach_or_are_no_ids_are_refused() -> None:
    score = BitsByStep(nn.Linear(4, 3), torch.zeros(2, 5, dtype=torch.int64))
    with pytest.raises(ValueError, match="reach step 6"):
        score(torch.zeros(2, 2, 4), 4)
    with pytest.raises(ValueError, match="3 rows"):
        score(torch.zeros(3, 2, 4), 0)
    with pytest.raises(ValueError, match="int64"):
        BitsByStep(nn.Linear(4, 3), torch.zeros(2, 5))


@pytest.mark.parametrize("begin", [RecurrentRun, lambda rnn: states_by_step(rnn, x=None)])
def test_two_directions_have_no_state_to_carry_and_are_refused(begin) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="bidirectional"):
        begin(nn.GRU(3, 4, bidirectional=True))


def test_a_module_whose_steps_cannot_be_taken_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear is none of"):
        states_by_step(nn.Linear(3, 4), torch.zeros(2, 5, 3))  # type: ignore[arg-type]


@pytest.mark.parametrize("batch_first", [True, False, None])
def test_a_module_around_a_recurrent_one_is_run_as_it_lies(batch_first: bool | None) -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.GRU(3, 4, batch_first=batch_first is not False)
            if batch_first is not None:
                self.batch_first = batch_first

        def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
            return self.inner(x, state)

    model, x = Wrapper(), torch.randn(2, 7, 3)
    torch.testing.assert_close(RecurrentRun(model)(x)[0], whole(model.inner, x))


def test_inputs_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="three dimensions"):
        states_by_step(nn.GRU(3, 4), torch.zeros(5, 3))
