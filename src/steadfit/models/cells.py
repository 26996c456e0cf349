"""The recurrent cells: a layer of each, and one step of each written out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.kernels.lstm import lstm
from steadfit.models.initial import drawn
from steadfit.models.recurrent import layer_weights

CellState = tuple[Tensor, ...]
"""What one layer carries on: `(h, c)` for an LSTM, `(h,)` for the others, each `(batch, units)`."""

CELLS = ("lstm", "gru", "tanh", "irnn")
IRNN_INPUT_STD = 0.001  # Le et al., 2015, section 4


def recurrent_layer(
    cell: str,
    inputs: int,
    units: int,
    generator: Generator | None = None,
    orthogonal: bool = False,
    irnn_input_std: float = IRNN_INPUT_STD,
    kernels: bool = False,
) -> nn.RNNBase:
    """Make one layer of a cell, an ordinary module of PyTorch with its first weights.

    Args:
        cell: `lstm`, `gru`, `tanh`, or `irnn`: an RNN of rectified linear units that starts as the
            identity, biases at zero (Le, Jaitly & Hinton, 2015).
        inputs: features of a step.
        units: hidden outputs.
        generator: draws the weights; None is PyTorch's own.
        orthogonal: each gate's recurrent weights start orthogonal (Saxe et al., 2014), as the
            identity of `irnn` does anyway.
        irnn_input_std: standard deviation of the input weights of `irnn`, whose mean is zero.
        kernels: an `lstm` is a `KernelLSTM`.

    Raises:
        DataError: no such cell.
    """
    layer = _pytorch_layer(cell, inputs, units, generator, kernels)
    if cell == "irnn":
        _start_as_identity(layer, irnn_input_std, generator)
    elif orthogonal:
        recurrent: Tensor = layer.get_parameter("weight_hh_l0").detach()
        for gate in range(0, len(recurrent), units):
            nn.init.orthogonal_(recurrent[gate : gate + units], generator=generator)
    return layer


class KernelLSTM(nn.LSTM):
    """An `nn.LSTM` of one layer, batch first, that runs on Steadfit's kernels.

    They are called within the module, so that its hooks see what it returns. Its cell states cannot
    be watched: they would be those of another forward.
    """

    def forward(  # type: ignore[override]
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return what `nn.LSTM` does for `(batch, time, inputs)`; rows packed are not read.

        A state of None is zeros.
        """
        h, c = state or (x.new_zeros(1, len(x), self.hidden_size),) * 2
        outputs, (h, c) = lstm(x, (h.squeeze(0), c.squeeze(0)), layer_weights(self))
        return outputs, (h.unsqueeze(0), c.unsqueeze(0))


def next_state(mode: str, inputs: Tensor, recurrent: Tensor, state: CellState) -> CellState:
    """Compute one step of a cell, in the equations of PyTorch's documentation.

    Args:
        mode: of the `nn.RNNBase`: which cell it is.
        inputs: `(batch, gates * units)`, the step's input through its weights and bias.
        recurrent: the same of the last h.
        state: before the step.
    """
    if mode == "LSTM":
        i, f, g, o = (inputs + recurrent).chunk(4, dim=1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
    if mode == "GRU":
        (r, z, n), (r_h, z_h, n_h) = inputs.chunk(3, dim=1), recurrent.chunk(3, dim=1)
        z = (z + z_h).sigmoid()
        n = (n + (r + r_h).sigmoid() * n_h).tanh()
        return ((1 - z) * n + z * state[0],)
    summed = inputs + recurrent
    return (summed.tanh() if mode == "RNN_TANH" else summed.relu(),)


def _pytorch_layer(
    cell: str, inputs: int, units: int, generator: Generator | None, kernels: bool
) -> nn.RNNBase:
    if cell == "lstm":
        kind = KernelLSTM if kernels else nn.LSTM
        return drawn(kind, inputs, units, batch_first=True, generator=generator)
    if cell == "gru":
        return drawn(nn.GRU, inputs, units, batch_first=True, generator=generator)
    if cell in ("tanh", "irnn"):
        act = "tanh" if cell == "tanh" else "relu"
        return drawn(nn.RNN, inputs, units, nonlinearity=act, batch_first=True, generator=generator)
    raise DataError(f"cell is {cell!r}; accepted are {', '.join(CELLS)}.")


@torch.no_grad()
def _start_as_identity(layer: Any, input_std: float, generator: Generator | None) -> None:
    nn.init.eye_(layer.weight_hh_l0)
    layer.weight_ih_l0.normal_(0, input_std, generator=generator)
    layer.bias_ih_l0.zero_()
    layer.bias_hh_l0.zero_()
