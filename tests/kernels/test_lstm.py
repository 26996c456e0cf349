from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.kernels import precision
from steadfit.kernels.lstm import LayerState, lstm, lstm_reference
from steadfit.kernels.masks import keep_mask
from steadfit.kernels.weights import LSTMWeights

FEATURES, UNITS = 3, 4


def weights() -> LSTMWeights:
    generator = torch.Generator().manual_seed(1)
    shapes = [(4 * UNITS, FEATURES), (4 * UNITS, UNITS), (4 * UNITS,), (4 * UNITS,)]
    return LSTMWeights(
        *(
            torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
            for shape in shapes
        )
    )


def inputs(batch: int, time: int) -> tuple[Tensor, LayerState]:
    generator = torch.Generator().manual_seed(2)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    return numbers(batch, time, FEATURES), (numbers(batch, UNITS), numbers(batch, UNITS))


def gradients(kernel, batch: int, time: int) -> tuple[list[Tensor], list[Tensor]]:
    x, state = inputs(batch, time)
    leaves = [x, *state, *weights()]
    outputs, (h, c) = kernel(x, state, LSTMWeights(*leaves[3:]))
    # Different factors for every number, so that no two mistakes can cancel.
    loss = sum(
        (part * torch.arange(1, part.numel() + 1).view_as(part)).sum() for part in (outputs, h, c)
    )
    return [outputs, h, c], list(torch.autograd.grad(loss, leaves))


@given(batch=st.integers(1, 4), time=st.integers(1, 6))
def test_values_and_gradients_are_those_of_the_written_out_layer(batch: int, time: int) -> None:
    values, grads = gradients(lstm, batch, time)
    expected_values, expected_grads = gradients(lstm_reference, batch, time)
    for got, expected in zip(values + grads, expected_values + expected_grads, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_windows_with_carried_state_are_one(cut: int) -> None:
    x, state = inputs(2, 7)
    whole, last = lstm(x, state, weights())
    first, middle = lstm(x[:, :cut], state, weights())
    second, end = lstm(x[:, cut:], middle, weights())
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)


def test_last_state_is_the_last_output() -> None:
    x, state = inputs(3, 5)
    outputs, (h, _) = lstm(x, state, weights())
    assert torch.equal(outputs[:, -1], h)


def test_arguments_stay_as_they_were() -> None:
    x, state = inputs(2, 3)
    before = [tensor.detach().clone() for tensor in (x, *state)]
    with torch.no_grad():
        lstm(x, state, weights())
    assert all(map(torch.equal, before, (x, *state)))


def test_masks_are_products_with_the_inputs_of_every_step_and_with_the_recurrent_weights() -> None:
    x, state = inputs(3, 5)
    layer, input_mask = weights(), torch.tensor([[0.0, 2, 2], [2, 2, 0], [2, 0, 0]]).double()
    got, last = lstm(x, state, layer, input_mask, 0.4, torch.Generator().manual_seed(6))
    kept = keep_mask(layer.hh.shape, 0.4, layer.hh, torch.Generator().manual_seed(6))
    assert 0 < kept.count_nonzero() < kept.numel()
    masked = torch.stack([step * input_mask for step in x.unbind(1)], dim=1)
    expected, expected_last = lstm_reference(masked, state, layer._replace(hh=layer.hh * kept))
    torch.testing.assert_close((got, last), (expected, expected_last), rtol=0, atol=1e-12)
    leaves = [x, *state, *layer]
    for a, b in zip(
        torch.autograd.grad(got.square().sum(), leaves),
        torch.autograd.grad(expected.square().sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernels", ["plain", "auto"])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("shape", [(1, UNITS), (3, UNITS), (2, UNITS + 1), (1, 2, UNITS)])
def test_a_state_of_another_shape_is_refused(
    kernels: str, which: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", kernels)
    x, state = inputs(2, 3)
    parts = list(state)
    parts[which] = torch.zeros(shape, dtype=x.dtype)
    with pytest.raises(DataError, match=r"accepted is \(2, 4\) twice, for 2 rows") as raised:
        lstm(x, (parts[0], parts[1]), weights())
    assert str(shape) in str(raised.value)


@pytest.mark.parametrize("shape", [(2, 0, FEATURES), (2, 3, FEATURES + 1), (3, FEATURES)])
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    _, state = inputs(2, 3)
    with pytest.raises(
        DataError, match=r"accepted is \(batch, time, 3\), at least one step"
    ) as raised:
        lstm(torch.zeros(shape, dtype=torch.float64), state, weights())
    assert str(shape) in str(raised.value)


def test_where_pytorch_has_no_layer_in_bfloat16_it_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    monkeypatch.setattr(precision, "has_bf16_lstm", lambda: False)
    x, state = inputs(2, 3)
    whole = (x.float(), tuple(part.float() for part in state))
    layer = LSTMWeights(*(weight.float() for weight in weights()))
    expected, after = lstm(*whole, layer)
    with torch.autocast("cpu", torch.bfloat16):
        got, last = lstm(whole[0].bfloat16().float(), whole[1], layer)
        short, _ = lstm(whole[0].bfloat16(), whole[1], layer)
    assert {one.dtype for one in (got, *last, short)} == {torch.float32}
    torch.testing.assert_close(got, expected, rtol=0, atol=0.02)
    torch.testing.assert_close(last, after, rtol=0, atol=0.04)
    assert torch.equal(short, got)
