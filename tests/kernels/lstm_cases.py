"""Examples of an LSTM layer, and what three ways of computing it make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from steadfit.kernels.lstm import LayerState, lstm_reference
from steadfit.kernels.masks import BitMask, bit_mask
from steadfit.kernels.native_lstm import native_lstm
from steadfit.kernels.weights import LSTMWeights

Layer = Callable[[Tensor, LayerState, LSTMWeights], tuple[Tensor, LayerState]]


class Case(NamedTuple):
    """One layer and what goes into it, in float32."""

    inputs: Tensor
    state: LayerState
    weights: LSTMWeights
    input_mask: Tensor | None
    weight_mask: BitMask | None

    def leaves(self) -> list[Tensor]:
        """Return all that has a gradient."""
        return [self.inputs, *self.state, *self.weights]


def case(batch: int, time: int, features: int, units: int, masked: bool = True) -> Case:
    """Draw an example; weights are as large as PyTorch draws them."""
    generator = Generator().manual_seed(1000 * batch + 100 * time + 10 * features + units)

    def numbers(*shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*shape, generator=generator) * scale).requires_grad_()

    shapes = [(4 * units, features), (4 * units, units), (4 * units,), (4 * units,)]
    weights = LSTMWeights(*(numbers(*shape, scale=0.6 * units**-0.5) for shape in shapes))
    keep = torch.rand(batch, features, generator=generator) > 0.2
    return Case(
        numbers(batch, time, features),
        (numbers(batch, units, scale=0.5), numbers(batch, units, scale=0.5)),
        weights,
        keep / 0.8 if masked else None,
        bit_mask(4 * units, units, 0.3, generator) if masked else None,
    )


def run_native(example: Case) -> list[Tensor]:
    """Return outputs, both states and all gradients of the native kernel."""
    return _run(
        lambda x, state, weights: native_lstm(
            x, state, weights, example.input_mask, example.weight_mask
        ),
        example,
    )


def run_masked(layer: Layer, example: Case, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return the same of a layer that knows no masks, from inputs and weights in `dtype`."""
    if example.weight_mask is None or example.input_mask is None:
        return _run(layer, example, dtype)
    input_mask = example.input_mask.to(dtype).unsqueeze(1)
    weight_mask = example.weight_mask.dense(example.weights.units).to(dtype)
    return _run(
        lambda x, state, weights: layer(
            x * input_mask, state, weights._replace(hh=weights.hh * weight_mask)
        ),
        example,
        dtype,
    )


def run_exact(example: Case) -> list[Tensor]:
    """Return the same from one step after the other in float64."""
    return run_masked(lstm_reference, example, torch.float64)


def error(got: Tensor, exact: Tensor) -> float:
    """Return the length of the difference by the length of the exact numbers."""
    return float((got.double() - exact).norm() / exact.norm().clamp(min=1e-9))


def _run(layer: Layer, example: Case, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    leaves = [leaf.detach().to(dtype).requires_grad_() for leaf in example.leaves()]
    x, h, c = leaves[:3]
    outputs, (h_last, c_last) = layer(x, (h, c), LSTMWeights(*leaves[3:]))
    values = [outputs, h_last, c_last]
    generator = Generator().manual_seed(7)
    # A factor of its own for each number, so that no two mistakes can cancel.
    factors = [torch.randn(value.shape, generator=generator) for value in values]
    loss = torch.stack([(v * f.to(v.dtype)).sum() for v, f in zip(values, factors, strict=True)])
    return [*(value.detach() for value in values), *torch.autograd.grad(loss.sum(), leaves)]
