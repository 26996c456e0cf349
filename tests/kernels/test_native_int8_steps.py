"""The int8 stack step by step against an oracle that rounds as its page says, and its edges."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from steadfit.kernels.native_int8 import (
    Layer,
    Words,
    lstm_stack_int8,
    quantize_layer,
    quantize_words,
)
from steadfit.kernels.weights import LSTMWeights

pytestmark = pytest.mark.usefixtures("native")

VOCAB = 40
State = tuple[tuple[Tensor, Tensor], ...]

shapes = given(
    batch=st.integers(1, 70),
    time=st.integers(1, 4),
    features=st.integers(1, 90),
    units=st.lists(st.integers(1, 70), min_size=1, max_size=3),
)


class Stack(NamedTuple):
    """A small model in float32, and what is made of it."""

    embedding: Tensor
    weights: list[LSTMWeights]
    words: Words
    layers: list[Layer]

    def read(self, tokens: Tensor, state: State, depth: int | None = None) -> tuple[Tensor, State]:
        """Read with the first `depth` layers."""
        return lstm_stack_int8(tokens, self.words, self.layers[:depth], state[:depth])


def stack(features: int, units: list[int], loud: float = 1.0) -> Stack:
    generator = Generator().manual_seed(features)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    weights = [
        LSTMWeights(
            numbers(4 * n, n_in) * (4 if i == 0 else 1) * n_in**-0.5 * loud,
            numbers(4 * n, n) * n**-0.5 * loud,
            numbers(4 * n) / 4,
            numbers(4 * n) / 4,
        )
        for i, (n_in, n) in enumerate(zip([features, *units], units, strict=False))
    ]
    embedding = numbers(VOCAB, features)
    embedding[1] = 0  # as padding is
    layers = [quantize_layer(w, first=i == 0) for i, w in enumerate(weights)]
    return Stack(embedding, weights, quantize_words(embedding), layers)


def given_to(batch: int, time: int, units: list[int]) -> tuple[Tensor, State]:
    generator = Generator().manual_seed(100 * batch + time)
    state = tuple(
        (
            torch.rand(batch, n, generator=generator) * 2 - 1,
            torch.randn(batch, n, generator=generator),
        )
        for n in units
    )
    return torch.randint(0, VOCAB, (batch, time), generator=generator), state


# ---- the oracle ----------------------------------------------------------------------------


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight's whole numbers in float64, and what 1 is worth in each of its rows."""
    scale = weight.abs().max(dim=1).values.clamp(min=1e-30) / 127
    return (weight / scale[:, None]).round().double(), scale


def rounded_hidden(h: Tensor) -> Tensor:
    """Return hidden outputs as whole numbers of 1 / 127 in float64."""
    return (h.float() * 127).round().clamp(-127, 127).double()


def layer_by_hand(
    x: Tensor, x_scale: Tensor | None, weights: LSTMWeights, h: Tensor, c: Tensor, outputs: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute a layer's outputs and last cell states from whole numbers `x` in float64.

    Each step starts from the `outputs` of the kernel before it: of two numbers that hardly differ
    one may be rounded up and one down, which the next steps would make more of.

    Args:
        x: `(batch, time, features)`.
        x_scale: `(batch, time, 1)`, what 1 is worth in words; None for hidden outputs, 1 / 127.
        weights: of the layer.
        h: `(batch, units)`, the state.
        c: likewise.
        outputs: `(batch, time, units)`.
    """
    (ih, ih_scale), (hh, hh_scale) = rounded(weights.ih), rounded(weights.hh)
    hidden_scale, word_scale = (1 / 127, 1.0) if x_scale is None else (1.0, x_scale)
    # Scaled in float32 and in the kernel's order, so that both round to the same bfloat16.
    projected = ((x @ ih.T).float() * (ih_scale * hidden_scale) * word_scale).bfloat16().double()
    bias = (weights.bias_ih + weights.bias_hh).double()
    c, found = c.double(), []
    for t in range(x.shape[1]):
        before = rounded_hidden(h if t == 0 else outputs[:, t - 1])
        gates = projected[:, t] + bias + before @ hh.T * hh_scale.double() / 127
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        found.append(o.sigmoid() * c.tanh())
    return torch.stack(found, dim=1), c


@shapes
@example(batch=1, time=1, features=1, units=[1])
@example(batch=49, time=2, features=64, units=[16, 64])
@example(batch=3, time=3, features=400, units=[130, 40])
def test_each_step_is_that_of_whole_numbers_written_out(
    batch: int, time: int, features: int, units: list[int]
) -> None:
    model = stack(features, units)
    tokens, state = given_to(batch, time, units)
    table, scale = rounded(model.embedding)
    x, x_scale = table[tokens], scale[tokens][..., None]
    for depth, (weights, (h, c)) in enumerate(zip(model.weights, state, strict=True), start=1):
        outputs, after = model.read(tokens, state, depth)
        expected, c_last = layer_by_hand(x, x_scale, weights, h, c, outputs)
        torch.testing.assert_close(outputs.double(), expected, rtol=0, atol=3e-6)
        torch.testing.assert_close(after[-1][1].double(), c_last, rtol=1e-6, atol=3e-6)
        kept = rounded_hidden(outputs[:, -1]) / 127
        torch.testing.assert_close(after[-1][0].double(), kept, rtol=0, atol=1e-7)
        x, x_scale = rounded_hidden(outputs), None


def test_numbers_are_rounded_to_255_steps_of_the_row_they_stand_in() -> None:
    words = quantize_words(torch.tensor([[254.0, 1.0, -2.9], [0.0, 0.0, 0.0], [-0.3, 0.1, 0.0]]))
    assert words.table[:, :3].tolist() == [[127, 0, -1], [0, 0, 0], [-127, 42, 0]]  # 0.5 is even
    assert words.table[:, 3:].count_nonzero() == 0
    torch.testing.assert_close(words.scales, torch.tensor([2, 0, 0.3 / 127]), rtol=1e-6, atol=1e-9)


# ---- no row depends on another -------------------------------------------------------------


@shapes
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_is_the_same_to_the_bit_alone_in_any_order_padding_and_number_of_threads(
    batch: int,
    time: int,
    features: int,
    units: list[int],
    on_threads: Callable[[int], AbstractContextManager[None]],
) -> None:
    model = stack(features, units)
    tokens, state = given_to(batch, time, units)
    whole, after = model.read(tokens, state)
    order = torch.randperm(batch, generator=Generator().manual_seed(1))
    padded = torch.cat([tokens, torch.ones(batch, 2, dtype=tokens.dtype)], dim=1)
    with on_threads(2):
        shuffled, _ = model.read(padded[order], tuple((h[order], c[order]) for h, c in state))
    assert torch.equal(shuffled[:, :time], whole[order])
    for row in {0, batch // 2, batch - 1}:
        one = slice(row, row + 1)
        alone, alone_after = model.read(tokens[one], tuple((h[one], c[one]) for h, c in state))
        assert torch.equal(alone, whole[one])
        for mine, theirs in zip(alone_after, after, strict=True):
            assert all(torch.equal(m, t[one]) for m, t in zip(mine, theirs, strict=True))


# ---- the edges -----------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "time"), [(0, 3), (3, 0), (0, 0)])
def test_a_window_of_nothing_leaves_the_state_as_it_was(batch: int, time: int) -> None:
    tokens, state = given_to(batch, time, [7, 5])
    outputs, after = stack(6, [7, 5]).read(tokens, state)
    assert outputs.shape == (batch, time, 5)
    for mine, theirs in zip(after, state, strict=True):
        assert all(map(torch.equal, mine, theirs))


def test_loud_weights_and_states_saturate_and_do_not_turn_around() -> None:
    model = stack(6, [7], loud=1e6)
    tokens, _ = given_to(5, 4, [7])
    silent, edge, beyond = (((torch.full((5, 7), x), torch.zeros(5, 7)),) for x in (0, 1.0, 1.5))
    outputs, ((h, _),) = model.read(tokens, silent)
    assert outputs.isfinite().all()
    assert (outputs.abs() <= 1).all()
    torch.testing.assert_close(h, outputs[:, -1], rtol=0, atol=0.5 / 127 + 1e-6)
    assert torch.equal(model.read(tokens, edge)[0], model.read(tokens, beyond)[0])


def test_the_callers_tensors_stay_as_they_are() -> None:
    model = stack(6, [7])
    tokens, ((h, c),) = given_to(3, 4, [7])
    before = [t.clone() for t in (tokens, h, c, *model.words, *model.weights[0])]
    outputs, ((h_last, c_last),) = model.read(tokens, ((h, c),))
    for result in (outputs, h_last, c_last):
        result.zero_()
    assert all(map(torch.equal, before, (tokens, h, c, *model.words, *model.weights[0])))


def test_a_word_that_is_not_in_the_table_is_refused() -> None:
    _, state = given_to(1, 2, [7])
    with pytest.raises(IndexError):
        stack(6, [7]).read(torch.tensor([[0, VOCAB]]), state)
