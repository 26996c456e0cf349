from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from steadfit.kernels import native_lstm as module
from steadfit.kernels.lstm import lstm, lstm_reference
from steadfit.kernels.native_library import workspace
from steadfit.kernels.native_lstm import native_lstm
from steadfit.kernels.precision import has_bf16_lstm
from steadfit.kernels.weights import LSTMWeights
from tests.kernels.lstm_cases import Case, case, error, run_exact, run_masked, run_native

pytestmark = pytest.mark.usefixtures("native")

NAMES = ["outputs", "h", "c", "d_inputs", "d_h", "d_c", "d_ih", "d_hh", "d_bias_ih", "d_bias_hh"]
BOUND = 1e-2  # two to three roundings to bfloat16, of at most 2^-8 each
FEW, FEW_BOUND = 100, 6e-2  # numbers so few that all may be small by chance


def plain_in_bfloat16(x: Tensor, state: Any, weights: LSTMWeights) -> Any:
    # Where PyTorch has no layer for it, it multiplies step by step.
    layer = lstm if has_bf16_lstm() else lstm_reference
    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setenv("STEADFIT_KERNELS", "plain")
        outputs, after = layer(x, state, weights)
    return outputs.float(), tuple(part.float() for part in after)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.integers(1, 60),
    time=st.integers(1, 5),
    features=st.integers(1, 70),
    units=st.integers(1, 70),
    masked=st.booleans(),
)
@example(batch=1, time=1, features=1, units=1, masked=True)
@example(batch=16, time=3, features=32, units=16, masked=True)
@example(batch=48, time=2, features=31, units=33, masked=False)
@example(batch=97, time=4, features=17, units=40, masked=True)
@example(batch=3, time=70, features=40, units=48, masked=True)
def test_values_and_gradients_are_as_near_to_the_exact_ones_as_those_of_pytorch_in_bfloat16(
    batch: int, time: int, features: int, units: int, masked: bool
) -> None:
    given_case = case(batch, time, features, units, masked)
    exact, got = run_exact(given_case), run_native(given_case)
    plain = run_masked(plain_in_bfloat16, given_case)
    assert len(exact) == len(NAMES)
    for name, ours, theirs, true in zip(NAMES, got, plain, exact, strict=True):
        assert ours.dtype == torch.float32
        assert ours.shape == true.shape, name
        mistake = error(ours, true)
        bound = BOUND if true.numel() >= FEW else FEW_BOUND
        assert mistake <= max(bound, 1.5 * error(theirs, true)), (name, mistake)


def forward(given_case: Case, rows: Any = slice(None)) -> Tensor:
    """Return outputs and states of some rows, `(rows, time + 2, units)`, without gradients."""
    x, (h, c), weights, input_mask, weight_mask = given_case
    mask = None if input_mask is None else input_mask[rows]
    with torch.no_grad():
        outputs, after = native_lstm(x[rows], (h[rows], c[rows]), weights, mask, weight_mask)
    return torch.cat([outputs, torch.stack(after, dim=1)], dim=1)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_windows_with_carried_state_are_one(cut: int) -> None:
    x, state, weights, input_mask, weight_mask = case(5, 7, 20, 24)
    whole, last = native_lstm(x, state, weights, input_mask, weight_mask)
    first, middle = native_lstm(x[:, :cut], state, weights, input_mask, weight_mask)
    second, end = native_lstm(x[:, cut:], middle, weights, input_mask, weight_mask)
    assert torch.equal(torch.cat([first, second], dim=1), whole)
    assert torch.equal(torch.stack(end), torch.stack(last))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 66), min_size=1, max_size=67))
@example(rows=[66])
@example(rows=list(range(4)))
@example(rows=list(range(5)))
@example(rows=list(range(7)))
@example(rows=list(range(11)))
@example(rows=list(range(15)))
@example(rows=list(range(17)))
def test_a_row_is_the_same_to_the_bit_alone_and_in_any_batch_and_place(rows: list[int]) -> None:
    given_case = case(67, 3, 70, 72)
    assert torch.equal(forward(given_case, rows), forward(given_case)[rows])


def test_outside_the_kernels_small_numbers_are_what_they_were() -> None:
    forward(case(11, 3, 20, 24))
    assert torch.full((100,), 1e-40).mul(1.5).min() > 0


@pytest.mark.parametrize("batch", [1, 3, 67])
def test_values_and_gradients_are_the_same_to_the_bit_on_any_number_of_threads(
    batch: int, on_threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SMALL_STEP", 0)
    given_case = case(batch, 3, 50, 100)
    with on_threads(1):
        values = run_native(given_case)
    for count in (2, 3, 16):
        with on_threads(count):
            got = run_native(given_case)
        for name, one, more in zip(NAMES, values, got, strict=True):
            assert torch.equal(one, more), (name, count)


def test_with_gradients_the_values_are_those_without() -> None:
    given_case = case(9, 4, 20, 24)
    outputs, after = native_lstm(*given_case)
    assert torch.equal(torch.cat([outputs, torch.stack(after, dim=1)], 1), forward(given_case))


def test_threads_that_predict_at_once_get_the_same_bits(on_threads: Any) -> None:
    given_case = case(20, 12, 40, 100, masked=False)  # weights that nobody has packed yet
    for count in (1, 2):
        with on_threads(count), ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: forward(given_case), range(24)))
        assert all(torch.equal(result, results[0]) for result in results)


def test_inputs_may_lie_in_memory_in_any_way_and_have_another_precision() -> None:
    x, state, weights, mask, _ = case(5, 4, 20, 24)
    assert mask is not None
    expected = native_lstm(x, state, weights, mask, None)[0]
    turned = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    across = x.detach().transpose(1, 2).contiguous().transpose(1, 2)
    odd_mask = mask.double().t().contiguous().t()
    for inputs in (turned, across, x.detach().double()):
        assert torch.equal(native_lstm(inputs, state, weights, odd_mask, None)[0], expected)
    wide = nn.functional.pad(weights.hh.detach(), (3, 5))[:, 3:-5]
    assert not wide.is_contiguous()
    got = native_lstm(x, state, weights._replace(hh=wide), mask, None)[0]
    assert torch.equal(got, expected)


def test_gradients_of_outputs_may_be_one_number_for_all() -> None:
    x, state, weights, *_ = case(5, 4, 20, 24)
    leaves = [x, *state, *weights]
    outputs, _ = native_lstm(x, state, weights, None, None)
    got = torch.autograd.grad(outputs.sum(), leaves)  # expanded, of stride 0
    outputs, _ = native_lstm(x, state, weights, None, None)
    expected = torch.autograd.grad(outputs, leaves, torch.ones_like(outputs))
    assert all(map(torch.equal, got, expected))


@pytest.mark.parametrize("frozen", [{0}, {3}, {4}, {3, 4, 5, 6}, {0, 1, 2}])
def test_what_is_frozen_gets_no_gradient_and_the_rest_keeps_its_own(frozen: set[int]) -> None:
    given_case = case(5, 3, 20, 24)
    expected = run_native(given_case)[3:]
    leaves = given_case.leaves()
    for place in frozen:
        leaves[place].requires_grad_(False)
    outputs, (h, c) = native_lstm(*given_case)
    generator = torch.Generator().manual_seed(7)
    values = [outputs, h, c]
    factors = [torch.randn(value.shape, generator=generator) for value in values]
    torch.autograd.backward(values, factors)
    for place, leaf in enumerate(leaves):
        if place in frozen:
            assert leaf.grad is None
        else:
            assert leaf.grad is not None
            torch.testing.assert_close(leaf.grad, expected[place], rtol=0, atol=0)


def test_of_predicting_no_cell_state_but_the_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def noted(*shape: int, **options: Any) -> Tensor:
        shapes.append(shape)
        return workspace(*shape, **options)

    monkeypatch.setattr(module, "workspace", noted)
    given_case = case(3, 7, 20, 24, masked=False)
    assert given_case.weights.hh.requires_grad
    cells = {"one": (1, 3, 32), "all": (8, 3, 32)}  # (steps, batch, units filled up)
    forward(given_case)
    assert cells["one"] in shapes
    assert cells["all"] not in shapes
    shapes.clear()
    native_lstm(*given_case)
    assert cells["all"] in shapes


def test_another_default_type_of_pytorch_changes_nothing(
    another_default_type: Callable[[], None],
) -> None:
    given_case = case(5, 4, 20, 24)

    def run() -> list[Tensor]:
        leaves = given_case.leaves()
        outputs, after = native_lstm(*given_case)
        return [outputs, *after, *torch.autograd.grad(outputs, leaves, torch.ones_like(outputs))]

    expected = run()
    another_default_type()
    got = run()
    assert {value.dtype for value in got} == {torch.float32}
    assert all(map(torch.equal, got, expected))


def test_a_graph_is_gone_through_once_and_the_error_says_so() -> None:
    x, state, weights, *_ = case(2, 3, 4, 5)
    loss = native_lstm(x, state, weights, None, None)[0].sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once; run forward again"):
        loss.backward()


def double(layer: nn.LSTM) -> None:
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)


def set_one_number(layer: nn.LSTM) -> None:
    with torch.no_grad():
        layer.weight_hh_l0[5, 7] = 3


def step(layer: nn.LSTM) -> None:
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.SGD(layer.parameters(), lr=0.1).step()


def load(layer: nn.LSTM) -> None:
    layer.load_state_dict({name: -value for name, value in layer.state_dict().items()})


def write_through_data(layer: nn.LSTM) -> None:
    layer.weight_ih_l0.data.mul_(3)


def set_data(layer: nn.LSTM) -> None:
    layer.weight_hh_l0.data = torch.ones_like(layer.weight_hh_l0)


def shorten(layer: nn.LSTM) -> None:
    layer.half().float()


@pytest.mark.parametrize(
    "change", [double, set_one_number, step, load, write_through_data, set_data, shorten]
)
def test_kept_tiles_follow_the_weights(change: Callable[[nn.LSTM], None]) -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(20, 24)

    def read(weights: LSTMWeights) -> Tensor:
        x, (h, c), *_ = case(5, 3, 20, 24, masked=False)
        return forward(Case(x, (h, c), weights, None, None))

    def weights() -> LSTMWeights:
        return LSTMWeights(*layer._flat_weights)

    before = read(weights())
    assert torch.equal(read(weights()), before)
    change(layer)
    unseen = LSTMWeights(*(weight.detach().clone() for weight in weights()))
    assert torch.equal(read(weights()), read(unseen))
    assert not torch.equal(read(weights()), before)


def test_tiles_are_kept_while_their_weight_is_there() -> None:
    gc.collect()
    before = len(module._tiles)
    given_case = case(2, 2, 20, 24, masked=False)
    forward(given_case)
    kept = {order for weight in given_case.weights for order in module._tiles.get(weight, {})}
    assert len(kept) >= 2
    assert len(module._tiles) == before + 2
    del given_case
    gc.collect()
    assert len(module._tiles) == before
