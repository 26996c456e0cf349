"""One LSTM layer over a window of time, with its weights as arguments."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from steadfit.core.errors import DataError
from steadfit.kernels.choose import uses_native
from steadfit.kernels.masks import bit_mask, keep_mask
from steadfit.kernels.native_lstm import native_lstm
from steadfit.kernels.precision import lstm_inputs
from steadfit.kernels.weights import LSTMWeights

LayerState = tuple[Tensor, Tensor]


def lstm(
    inputs: Tensor,
    state: LayerState,
    weights: LSTMWeights,
    input_mask: Tensor | None = None,
    weight_p: float = 0.0,
    generator: Generator | None = None,
) -> tuple[Tensor, LayerState]:
    """Run one unidirectional LSTM layer and return its outputs and its last state.

    Weights are arguments, so that several threads can run one model, and masks are too, so that
    no dropped copy of either need be made. In bfloat16 on the CPU the native kernel does it, where
    it can run; else the library's fused layer (oneDNN, cuDNN). `lstm_reference` is the same thing
    written out.

    Args:
        inputs: `(batch, time, features)`, at least one step.
        state: `(h, c)`, each `(batch, units)`.
        weights: of the layer.
        input_mask: `(batch, features)`, by which the inputs of every step are multiplied.
        weight_p: hidden-to-hidden weights are dropped with this probability, once for all steps.
        generator: draws which; None is PyTorch's own.

    Returns:
        Outputs `(batch, time, units)` and the state after the last step.

    Raises:
        DataError: inputs or state are of another shape.
    """
    _check(inputs, state, weights)
    if uses_native(inputs, *weights):
        rows, columns = weights.hh.shape
        dropped = bit_mask(rows, columns, weight_p, generator) if weight_p else None
        return native_lstm(inputs, state, weights, input_mask, dropped)
    if input_mask is not None:
        inputs = inputs * input_mask.unsqueeze(1)
    weight_hh = weights.hh
    if weight_p:
        weight_hh = weight_hh * keep_mask(weight_hh.shape, weight_p, weight_hh, generator)
    with lstm_inputs(inputs) as x:
        h, c = (part.to(x.dtype).unsqueeze(0) for part in state)
        outputs, h, c = torch.lstm(
            x,
            (h, c),
            (weights.ih, weight_hh, weights.bias_ih, weights.bias_hh),
            True,  # has biases
            1,  # layers
            0.0,  # dropout between layers
            torch.is_grad_enabled(),
            False,  # bidirectional
            True,  # batch first
        )
    return outputs, (h.squeeze(0), c.squeeze(0))


def _check(inputs: Tensor, state: LayerState, weights: LSTMWeights) -> None:
    """Refuse what neither kernel would notice: it would read and write behind its memory."""
    features = weights.ih.shape[1]
    if inputs.dim() != 3 or inputs.shape[1] < 1 or inputs.shape[2] != features:
        raise DataError(
            f"An LSTM layer got inputs of shape {tuple(inputs.shape)}; accepted is (batch, time, "
            f"{features}), at least one step."
        )
    wanted = (len(inputs), weights.units)
    if any(part.shape != wanted for part in state):
        raise DataError(
            f"An LSTM layer got a state of shapes {[tuple(part.shape) for part in state]}; "
            f"accepted is {wanted} twice, for {len(inputs)} rows. Carry the state that the last "
            "call returned, for the same rows, or give None to begin with zeros."
        )


def lstm_reference(
    inputs: Tensor, state: LayerState, weights: LSTMWeights
) -> tuple[Tensor, LayerState]:
    """Compute what `lstm` computes, one step at a time (Hochreiter & Schmidhuber, 1997)."""
    h, c = state
    outputs = []
    for x in inputs.unbind(dim=1):
        gates = x @ weights.ih.T + weights.bias_ih + h @ weights.hh.T + weights.bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)
