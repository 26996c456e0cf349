"""One LSTM layer in bfloat16 by the native kernels: sums, cell states and outputs in float32."""

from __future__ import annotations

from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakIdKeyDictionary

from steadfit.kernels.masks import BitMask
from steadfit.kernels.native_library import at, library, workspace
from steadfit.kernels.weights import LSTMWeights

_SLACK = 16  # rows that tiles may read behind a matrix; what is there does not matter
_SMALL_STEP = 2**21  # multiplications; below it a second thread costs more than it brings
_NATURAL, _BY_UNITS, _ACROSS = 0, 1, 2


def native_lstm(
    inputs: Tensor,
    state: tuple[Tensor, Tensor],
    weights: LSTMWeights,
    input_mask: Tensor | None,
    weight_mask: BitMask | None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Compute what `steadfit.kernels.lstm.lstm` computes; float32 in and out."""
    if input_mask is not None:
        input_mask = input_mask.float().contiguous()
    # Inside the function nobody could tell any more whether there will be gradients.
    output, h, c = _LSTM.apply(  # type: ignore[no-untyped-call]
        inputs, *state, *weights, input_mask, weight_mask, torch.is_grad_enabled()
    )
    return output, (h, c)


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        h0: Tensor,
        c0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        input_mask: Tensor | None,
        weight_mask: BitMask | None,
        gradients: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = LSTMWeights(weight_ih, weight_hh, bias_ih, bias_hh)
        keep = gradients and any(ctx.needs_input_grad)
        batch, steps, features = inputs.shape
        units, padded, threads = weights.units, weights.padded, torch.get_num_threads()
        row = -(-units // 32) * 32
        x = _steps_first(inputs, input_mask, threads)
        gates = workspace(steps * batch + _SLACK, 4 * padded, dtype=torch.bfloat16)
        packed = _packed(weight_ih, units, _NATURAL, None, threads)
        library().steadfit_project(
            at(x), steps * batch, x.shape[1], at(packed), padded, at(gates), threads
        )
        h = workspace((steps + 1) * batch + _SLACK, row, dtype=torch.bfloat16)
        if row > units:
            h[:, units:] = 0
        h[:batch, :units] = h0
        c = workspace(steps + 1 if keep else 1, batch, padded)
        c[0, :, units:] = 0
        c[0, :, :units] = c0
        bias = workspace(4, padded).zero_()
        bias[:, :units] = (bias_ih + bias_hh).view(4, units)
        output = workspace(batch, steps, units)
        packed = _packed(weight_hh, units, _BY_UNITS, weight_mask, threads)
        library().steadfit_lstm_forward(
            steps, batch, padded, units, at(packed), at(bias), at(gates), at(h), at(c),
            at(output), output.stride(0), output.stride(1), int(keep),
            _step_threads(batch, padded, threads),
        )  # fmt: skip
        if keep:
            ctx.save_for_backward(*weights, input_mask, x, gates, h, c)
            ctx.weight_mask, ctx.features = weight_mask, features
        return output, output[:, -1].clone(), c[-1, :, :units].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor, d_h: Tensor, d_c: Tensor) -> tuple[Any, ...]:
        ih, hh, bias_ih, bias_hh, input_mask, x, gates, h, c = ctx.saved_tensors
        weights = LSTMWeights(ih, hh, bias_ih, bias_hh)
        if ctx.weight_mask is _USED:
            raise RuntimeError("a native LSTM's graph can be gone through once; run forward again")
        weight_mask, ctx.weight_mask = ctx.weight_mask, _USED
        batch, steps, units = d_output.shape
        padded, threads = weights.padded, torch.get_num_threads()
        if d_output.stride(2) != 1:
            d_output = d_output.contiguous()
        d_state = workspace(2, batch, padded).zero_()
        d_state[0, :, :units] = d_h
        d_state[1, :, :units] = d_c
        d_bias = workspace(4, padded).zero_()
        packed = _packed(hh, units, _ACROSS, weight_mask, threads)
        library().steadfit_lstm_backward(
            steps, batch, padded, units, at(packed), at(gates), at(c), at(d_output),
            d_output.stride(0), d_output.stride(1), at(d_state[0]), at(d_state[1]), at(d_bias),
            _step_threads(batch, padded, threads),
        )  # fmt: skip
        wants = ctx.needs_input_grad
        d_inputs = None
        if wants[0]:
            d_inputs = workspace(batch, steps, ctx.features)
            packed = _packed(ih, units, _ACROSS, None, threads)
            library().steadfit_input_gradient(
                at(gates), batch, steps, padded, at(packed), ctx.features, at(input_mask),
                at(d_inputs), threads,
            )  # fmt: skip
        d_ih = _weight_gradient(gates, steps * batch, x, ih, None, threads) if wants[3] else None
        d_hh = (
            _weight_gradient(gates, steps * batch, h, hh, weight_mask, threads)
            if wants[4]
            else None
        )
        bias = d_bias[:, :units].reshape(-1)
        return (
            d_inputs,
            d_state[0, :, :units],
            d_state[1, :, :units],
            d_ih,
            d_hh,
            bias,
            bias,
            None,
            None,
            None,
        )


_USED: Any = object()
_tiles: Any = WeakIdKeyDictionary()  # weight → order → (version, some of its numbers, tiles)
_NOTED = 256  # numbers of a weight that are compared before its tiles are used again
_lock = Lock()


def _steps_first(inputs: Tensor, mask: Tensor | None, threads: int) -> Tensor:
    """Return the inputs in bfloat16, time first, `(steps * batch + slack, filled features)`."""
    batch, steps, features = inputs.shape
    inputs = inputs.float()
    if inputs.stride(2) != 1:
        inputs = inputs.contiguous()
    row = -(-features // 32) * 32
    x = workspace(steps * batch + _SLACK, row, dtype=torch.bfloat16)
    library().steadfit_to_steps(
        at(inputs), batch, steps, features, inputs.stride(0), inputs.stride(1), at(mask), at(x),
        row, threads,
    )  # fmt: skip
    return x


def _packed(weight: Tensor, units: int, order: int, mask: BitMask | None, threads: int) -> Tensor:
    """Return a weight as tiles; see `steadfit_pack_gates` for the orders."""
    if mask is not None or weight.is_inference():
        return _pack(weight, units, order, mask, threads)
    # The same weights are often read again: for every window and, in predicting, every batch.
    with _lock:
        kept = _tiles.setdefault(weight, {})
        version, noted, tiles = kept.get(order, (None, None, None))
    # Writing through `weight.data` leaves the version as it was, so numbers are looked at too.
    numbers = weight.detach().flatten()[:: max(1, weight.numel() // _NOTED)]
    if tiles is None or version != weight._version or not torch.equal(noted, numbers):
        version, tiles = weight._version, _pack(weight, units, order, None, threads)
        kept[order] = (version, numbers.clone(), tiles)
    return tiles


def _pack(weight: Tensor, units: int, order: int, mask: BitMask | None, threads: int) -> Tensor:
    padded, columns = -(-units // 16) * 16, weight.shape[1]
    wide, deep = (columns, 4 * padded) if order == _ACROSS else (4 * padded, columns)
    tiles = workspace(-(-wide // 32) * -(-deep // 32) * 1024, dtype=torch.bfloat16)
    weight = weight.contiguous()
    library().steadfit_pack_gates(
        at(weight), units, padded, columns, order, *_bits(mask), at(tiles), threads
    )
    return tiles


def _weight_gradient(
    gates: Tensor, rows: int, x: Tensor, weight: Tensor, mask: BitMask | None, threads: int
) -> Tensor:
    units, columns = weight.shape[0] // 4, weight.shape[1]
    gradient = workspace(*weight.shape)
    library().steadfit_weight_gradient(
        at(gates), rows, units, gates.shape[1] // 4, at(x), columns, x.shape[1], *_bits(mask),
        at(gradient), threads,
    )  # fmt: skip
    return gradient


def _step_threads(batch: int, padded: int, threads: int) -> int:
    return threads if batch * 4 * padded * padded > _SMALL_STEP else 1


def _bits(mask: BitMask | None) -> tuple[int | None, float]:
    return (None, 1.0) if mask is None else (at(mask.bits), mask.scale)
