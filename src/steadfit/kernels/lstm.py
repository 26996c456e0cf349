"""One LSTM layer over a window of time, with its weights as arguments."""

from __future__ import annotations

import torch
from torch import Tensor

LayerState = tuple[Tensor, Tensor]


def lstm(
    inputs: Tensor,
    state: LayerState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, LayerState]:
    """Run one unidirectional LSTM layer and return its outputs and its last state.

    Weights are arguments, so that a dropped copy can be used without touching the module that
    owns them, and several threads can run one model. The arithmetic is the library's fused
    layer (oneDNN, cuDNN); `lstm_reference` is the same thing written out.

    Args:
        inputs: `(batch, time, features)`, at least one step.
        state: `(h, c)`, each `(batch, units)`.
        weight_ih: `(4 * units, features)`, gates in the order input, forget, cell, output.
        weight_hh: `(4 * units, units)`.
        bias_ih: `(4 * units,)`.
        bias_hh: `(4 * units,)`.

    Returns:
        Outputs `(batch, time, units)` and the state after the last step.
    """
    h, c = state
    dtype = inputs.dtype
    outputs, h, c = torch.lstm(
        inputs,
        (h.to(dtype).unsqueeze(0), c.to(dtype).unsqueeze(0)),
        (weight_ih, weight_hh, bias_ih, bias_hh),
        True,  # has biases
        1,  # layers
        0.0,  # dropout between layers
        torch.is_grad_enabled(),
        False,  # bidirectional
        True,  # batch first
    )
    return outputs, (h.squeeze(0), c.squeeze(0))


def lstm_reference(
    inputs: Tensor,
    state: LayerState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, LayerState]:
    """Compute what `lstm` computes, one step at a time (Hochreiter & Schmidhuber, 1997)."""
    h, c = state
    outputs = []
    for x in inputs.unbind(dim=1):
        gates = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, dim=1), (h, c)
