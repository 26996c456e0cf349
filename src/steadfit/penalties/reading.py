"""What a recurrent module or a dropout returned, as states (rows, time, units)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


class Layout(NamedTuple):
    """How the outputs of a module lie."""

    batch_first: bool
    bidirectional: bool


class States(NamedTuple):
    """The outputs of one call; of two directions, the rows of the second follow the first's."""

    values: Tensor  # (rows, time, units), in the order of the text
    lengths: (
        Tensor | None
    )  # (rows,) whole numbers, or a mask (rows, time); None: all steps are real
    directions: int

    def steps(self) -> Tensor | None:
        """Return which steps are real, bool (rows, time); None if all are."""
        if self.lengths is None or self.lengths.dtype == torch.bool:
            return self.lengths
        steps = torch.arange(self.values.shape[1], device=self.values.device)
        return steps < self.lengths.to(steps.device).unsqueeze(1)


def layout_of(module: nn.Module, batch_first: bool | None) -> Layout | None:
    """Return how a module's outputs lie; None where neither it nor anything inside it says so.

    Wrappers around one recurrent module (a weight dropout) are looked into.
    """
    saying = [one for one in module.modules() if hasattr(one, "batch_first")]
    bidirectional = any(getattr(one, "bidirectional", False) is True for one in module.modules())
    if saying:
        return Layout(bool(saying[0].batch_first), bidirectional)
    return None if batch_first is None else Layout(batch_first, bidirectional)


def read(
    name: str, module: nn.Module, output: object, layout: Layout, lengths: Tensor | None
) -> States:
    """Return the states in what `module` returned.

    Args:
        name: of the module, for messages.
        module: the module, which may be a cell by mistake.
        output: a tensor, a PackedSequence, or a tuple that begins with one.
        layout: how they lie. Two dimensions are one row, (time, units).
        lengths: real steps of the rows; those of a PackedSequence are its own.

    Raises:
        ValueError: the output is none of these, holds integers or complex numbers, or the lengths
            do not fit it.
    """
    values = output[0] if isinstance(output, tuple) and not _packed(output) else output
    if _packed(values):
        values, lengths = pad_packed_sequence(values, batch_first=True)
        layout = layout._replace(batch_first=True)
    if not isinstance(values, Tensor) or isinstance(module, nn.RNNCellBase):
        raise ValueError(
            f"{name} ({type(module).__name__}) returned {_described(output)}; watch a module that "
            "runs over whole sequences and returns its outputs, or (outputs, state), as nn.LSTM "
            "does, or a dropout. For cells, stack the states and call the penalty itself."
        )
    if values.dim() == 2:
        values, layout = values.unsqueeze(0), layout._replace(batch_first=True)
    if values.dim() != 3 or not values.is_floating_point():
        raise ValueError(
            f"{name} returned {_described(values)}; outputs are floating point, (batch, time, "
            "units), (time, batch, units) or (time, units)"
        )
    if not layout.batch_first:
        values = values.transpose(0, 1)
    _check_lengths(name, lengths, values)
    if not layout.bidirectional:
        return States(values, lengths, 1)
    rows = torch.cat(values.chunk(2, dim=2))
    return States(rows, None if lengths is None else torch.cat([lengths, lengths]), 2)


@torch.no_grad()
def norms_by_step(states: States) -> list[tuple[Tensor, Tensor]]:
    """Return, a direction each, the sum of the norms at a step and how many: (time,) both.

    The second direction counts its steps from where it starts, the end of each row.
    """
    values = states.values.detach()
    norms = torch.linalg.vector_norm(
        values, dim=2, dtype=torch.promote_types(values.dtype, torch.float32)
    )
    real = states.steps()
    if real is None:
        real = torch.ones_like(norms, dtype=torch.bool)
    parts = list(zip(norms.chunk(states.directions), real.chunk(states.directions), strict=True))
    if states.directions == 2:
        parts[1] = _from_the_end(*parts[1])
    return [(norm.where(mask, 0).sum(0), mask.sum(0)) for norm, mask in parts]


def _from_the_end(norms: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the rows around, so that the last real step of each is step 0."""
    norms, real = norms.flip(1), real.flip(1)
    order = real.int().argsort(dim=1, descending=True, stable=True)  # real steps to the front
    return norms.gather(1, order), real.gather(1, order)


def _packed(value: object) -> bool:
    return isinstance(value, PackedSequence)


def _check_lengths(name: str, lengths: Tensor | None, values: Tensor) -> None:
    if lengths is None:
        return
    rows, time = values.shape[:2]
    if lengths.dtype == torch.bool:
        fits = lengths.shape == (rows, time)
    else:
        fits = lengths.shape == (rows,)
    if not fits:
        raise ValueError(
            f"{name} returned {rows} rows of {time} steps, but the lengths set have the shape "
            f"{tuple(lengths.shape)}; set ({rows},) whole numbers or a mask ({rows}, {time})"
        )


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype}, shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
