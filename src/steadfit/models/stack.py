"""Stacks of LSTM, GRU, tanh RNN and IRNN layers under one interface."""

from __future__ import annotations

from typing import NamedTuple

from torch import Generator, Tensor, nn

from steadfit.core.checks import number, whole_number
from steadfit.core.errors import DataError
from steadfit.kernels.precision import lstm_inputs
from steadfit.models.cells import IRNN_INPUT_STD, CellState, recurrent_layer
from steadfit.models.config import LARGEST_SIZE
from steadfit.models.zoneout import ZoneoutRNN

StackState = tuple[CellState, ...]
"""What a stack carries from window to window: for each layer `(h, c)` or `(h,)`."""


class StackOutput(NamedTuple):
    """What a stack makes of a window."""

    hidden: Tensor  # (batch, time, units): outputs of the top layer, un-dropped
    state: StackState


class RecurrentStack(nn.Module):
    """Layers of one recurrent cell, each on the outputs of the one below.

    State is an argument and a result; nothing is remembered between calls. `layers.0`, `layers.1`
    and so on are ordinary modules of one layer, so `steadfit.penalties.watch` can read each.

    Args:
        cell: `lstm`, `gru`, `tanh`, or `irnn`: rectified linear units that start as the identity
            (Le, Jaitly & Hinton, 2015).
        inputs: features of a step.
        units: hidden outputs of each layer.
        layers: how many.
        zoneout_h: probability that a unit of h keeps its last value (Krueger et al., 2017). With
            a rate above zero layers run step by step.
        zoneout_c: the same for the cells c of an LSTM, which alone has them.
        generator: draws the first weights; None is PyTorch's own.
        orthogonal: each gate's recurrent weights start orthogonal (Saxe et al., 2014).
        irnn_input_std: standard deviation of the first input weights of `irnn`.
        kernels: layers of `lstm` without zoneout run on Steadfit's kernels, which are quicker in
            bfloat16 on a CPU that has the instructions. Of them `watch` reads the outputs, but not
            the cell states.

    Raises:
        DataError: no such cell, a size below one, a probability outside [0, 1), `zoneout_c` for a
            cell without c.
    """

    def __init__(
        self,
        cell: str,
        inputs: int,
        units: int,
        layers: int = 1,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        generator: Generator | None = None,
        *,
        orthogonal: bool = False,
        irnn_input_std: float = IRNN_INPUT_STD,
        kernels: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("units", units), ("layers", layers)):
            whole_number(name, value, least=1, largest=LARGEST_SIZE)
        for name, rate in (("zoneout_h", zoneout_h), ("zoneout_c", zoneout_c)):
            if number(name, rate) >= 1:
                raise DataError(f"{name} is {rate:g}; accepted is a probability in [0, 1).")
        number("irnn_input_std", irnn_input_std)
        if zoneout_c and cell != "lstm":
            raise DataError(
                f"zoneout_c is {zoneout_c:g}, but the cell {cell!r} has no c: only lstm has. Give "
                "zoneout_h."
            )
        self.cell, self.inputs, self.units = cell, inputs, units
        self.zoneout_h, self.zoneout_c = float(zoneout_h), float(zoneout_c)
        self.layers = nn.ModuleList()
        for i in range(layers):
            size = units if i else inputs
            layer = recurrent_layer(
                cell, size, units, generator, orthogonal, irnn_input_std, kernels
            )
            zoned = zoneout_h or zoneout_c
            self.layers.append(ZoneoutRNN(layer, zoneout_h, zoneout_c) if zoned else layer)

    def initial_state(self, batch: int) -> StackState:
        """Return zeros for `batch` rows."""
        weight = next(self.parameters())
        parts = 2 if self.cell == "lstm" else 1
        zeros = weight.new_zeros(batch, self.units)
        return ((zeros,) * parts,) * len(self.layers)

    def forward(
        self, x: Tensor, state: StackState | None = None, generator: Generator | None = None
    ) -> StackOutput:
        """Read one window.

        Args:
            x: `(batch, time, inputs)`, at least one step.
            state: from the window before; zeros if None.
            generator: draws the masks of zoneout in training; None is PyTorch's own.

        Raises:
            DataError: `x` or `state` is of another shape.
        """
        if x.dim() != 3 or x.shape[1] < 1 or x.shape[2] != self.inputs:
            raise DataError(
                f"x is of shape {tuple(x.shape)}; accepted is (batch, time, {self.inputs}), at "
                "least one step."
            )
        before = self.initial_state(len(x)) if state is None else state
        self._check(before, len(x))
        after = []
        for layer, start in zip(self.layers, before, strict=True):
            x, end = _run(layer, x, start, generator)
            after.append(end)
        return StackOutput(x, tuple(after))

    def _check(self, state: StackState, batch: int) -> None:
        given = [[tuple(part.shape) for part in layer] for layer in state]
        parts = 2 if self.cell == "lstm" else 1
        if given != [[(batch, self.units)] * parts] * len(self.layers):
            raise DataError(
                f"state has the shapes {given}; accepted for {batch} rows are, for each of the "
                f"{len(self.layers)} layers, {parts} of ({batch}, {self.units}). Carry the state "
                "that the last call returned, or give None."
            )


def detach_stack_state(state: StackState) -> StackState:
    """Cut the gradient between one window and the next."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)


def _run(
    layer: nn.Module, x: Tensor, state: CellState, generator: Generator | None
) -> tuple[Tensor, CellState]:
    """Run a layer, whose state PyTorch wants with one more axis and, of one part, without tuple."""
    if isinstance(layer, ZoneoutRNN):
        return layer(x, state, generator)
    if len(state) == 2:
        with lstm_inputs(x) as x:
            x, after = layer(x, tuple(_before(part, x) for part in state))
        return x, tuple(part.squeeze(0) for part in after)
    x, h = layer(x, _before(state[0], x))
    return x, (h.squeeze(0),)


def _before(part: Tensor, x: Tensor) -> Tensor:
    return part.to(x.dtype).unsqueeze(0)  # it may be of another call's autocast
