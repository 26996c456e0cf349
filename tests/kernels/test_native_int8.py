from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from steadfit.kernels.lstm import LayerState, lstm_reference
from steadfit.kernels.native_int8 import lstm_stack_int8, quantize_layer, quantize_words
from steadfit.kernels.weights import LSTMWeights
from tests.kernels.lstm_cases import error

pytestmark = pytest.mark.usefixtures("native")
WORDS = 50


def stack(features: int, units: int, layers: int) -> tuple[Tensor, list[LSTMWeights]]:
    """Draw an embedding and layers in a row."""
    generator = Generator().manual_seed(100 * features + units)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.6 * units**-0.5

    def layer(read: int) -> LSTMWeights:
        return LSTMWeights(
            numbers(4 * units, read),
            numbers(4 * units, units),
            numbers(4 * units),
            numbers(4 * units),
        )

    table = torch.randn(WORDS, features, generator=generator)
    return table, [layer(features if i == 0 else units) for i in range(layers)]


def reading(batch: int, time: int, units: int, layers: int) -> tuple[Tensor, list[LayerState]]:
    """Draw words to read, and states to begin with."""
    generator = Generator().manual_seed(batch + time)
    tokens = torch.randint(WORDS, (batch, time), generator=generator)
    states = [
        (torch.rand(batch, units, generator=generator) - 0.5, torch.randn(batch, units))
        for _ in range(layers)
    ]
    return tokens, states


def in_steps(weight: Tensor) -> Tensor:
    """Round each row to 255 steps."""
    size = weight.double().abs().amax(dim=1, keepdim=True) / 127
    return (weight.double() / size).round() * size


def by_hand(
    tokens: Tensor, table: Tensor, layers: list[LSTMWeights], states: list[LayerState]
) -> list[Tensor]:
    """Compute in float64 with weights, words and hidden outputs rounded as they should be."""
    x = in_steps(table)[tokens]
    found = []
    for weights, (h, c) in zip(layers, states, strict=True):
        ih, hh = in_steps(weights.ih), in_steps(weights.hh)
        bias = (weights.bias_ih + weights.bias_hh).double()
        h, c = (h.double() * 127).round() / 127, c.double()
        outputs, rounded = [], []
        for step in x.unbind(dim=1):
            i, f, g, o = (step @ ih.T + h @ hh.T + bias).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            outputs.append(o.sigmoid() * c.tanh())
            h = (outputs[-1] * 127).round() / 127
            rounded.append(h)
        x = torch.stack(rounded, dim=1)
        found += [h, c]
    return [torch.stack(outputs, dim=1), *found]


def run(tokens: Tensor, table: Tensor, layers: list[LSTMWeights], states: Any) -> list[Tensor]:
    """Return the last layer's outputs and all states."""
    quantized = [quantize_layer(weights, first=i == 0) for i, weights in enumerate(layers)]
    outputs, after = lstm_stack_int8(tokens, quantize_words(table), quantized, states)
    return [outputs, *(part for state in after for part in state)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.integers(1, 60),
    time=st.integers(1, 5),
    features=st.integers(8, 140),
    units=st.integers(8, 140),
    layers=st.integers(1, 3),
)
@example(batch=1, time=1, features=8, units=8, layers=1)
@example(batch=97, time=3, features=64, units=64, layers=2)
@example(batch=2, time=70, features=65, units=33, layers=3)
def test_values_are_those_of_rounded_weights_and_near_those_of_whole_ones(
    batch: int, time: int, features: int, units: int, layers: int
) -> None:
    table, weights = stack(features, units, layers)
    tokens, states = reading(batch, time, units, layers)
    got = run(tokens, table, weights, states)
    # Where a sum is a trifle larger, the kernel rounds up what the hand rounds down.
    for ours, rounded in zip(got, by_hand(tokens, table, weights, states), strict=True):
        assert ours.dtype == torch.float32
        assert ours.shape == rounded.shape
        assert error(ours, rounded) < 0.04
    x = table.double()[tokens]
    for layer, (h, c) in zip(weights, states, strict=True):
        doubled = LSTMWeights(*(weight.double() for weight in layer))
        x, _ = lstm_reference(x, (h.double(), c.double()), doubled)
    assert error(got[0], x) < 0.06


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_windows_with_carried_state_are_one(cut: int) -> None:
    table, weights = stack(20, 24, 2)
    tokens, states = reading(5, 7, 24, 2)
    whole = run(tokens, table, weights, states)
    first = run(tokens[:, :cut], table, weights, states)
    carried = [(first[1], first[2]), (first[3], first[4])]
    second = run(tokens[:, cut:], table, weights, carried)
    assert torch.equal(torch.cat([first[0], second[0]], dim=1), whole[0])
    assert all(map(torch.equal, second[1:], whole[1:]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 66), min_size=1, max_size=67))
@example(rows=[66])
@example(rows=list(range(17)))
def test_a_row_is_the_same_to_the_bit_alone_and_in_any_batch_and_place(rows: list[int]) -> None:
    table, weights = stack(20, 24, 2)
    tokens, states = reading(67, 3, 24, 2)
    whole = run(tokens, table, weights, states)
    some = run(tokens[rows], table, weights, [(h[rows], c[rows]) for h, c in states])
    assert all(torch.equal(a, b[rows]) for a, b in zip(some, whole, strict=True))


def test_values_are_the_same_to_the_bit_on_any_number_of_threads(on_threads: Any) -> None:
    table, weights = stack(40, 100, 2)
    tokens, states = reading(50, 4, 100, 2)
    values = run(tokens, table, weights, states)
    for count in (2, 3, 16):
        with on_threads(count):
            assert all(map(torch.equal, run(tokens, table, weights, states), values))


def test_words_and_weights_of_zeros_stay_zeros() -> None:
    table, (weights,) = stack(20, 24, 1)
    table[3] = 0
    nothing = LSTMWeights(*map(torch.zeros_like, weights))
    zeros = [(torch.zeros(2, 24), torch.zeros(2, 24))]
    tokens = torch.tensor([[3, 3], [1, 3]])
    outputs, *_ = run(tokens, table, [nothing], zeros)
    assert outputs.count_nonzero() == 0
    assert run(tokens, table, [weights], zeros)[0].isfinite().all()


def test_another_default_type_of_pytorch_changes_nothing(
    another_default_type: Callable[[], None],
) -> None:
    table, layers = stack(20, 24, 2)
    tokens, states = reading(3, 5, 24, 2)
    expected = run(tokens, table, layers, states)
    another_default_type()
    got = run(tokens, table, layers, states)
    assert {value.dtype for value in got} == {torch.float32}
    assert all(map(torch.equal, got, expected))
