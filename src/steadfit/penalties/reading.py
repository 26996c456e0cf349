"""What a recurrent module or a dropout returned, as states (rows, time, units)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from steadfit.penalties.selection import is_recurrent


class Lengths(NamedTuple):
    """Which steps are real: whole numbers (batch,), or a bool mask (batch, time)."""

    given: Tensor
    longest: int | None  # asked for once, since it makes the host wait for a GPU; None for a mask


class States(NamedTuple):
    """The outputs of one call; of two directions, the rows of the second follow the first's."""

    values: Tensor  # (rows, time, units), in the order of the text
    real: Tensor | None  # bool (rows, time); None: all steps are real
    directions: int = 1
    have_steps: bool = True  # false for outputs of all rows in one, (rows · time, units)


def rows_first(module: nn.Module, batch_first: bool | None) -> bool | None:
    """Return whether a module's outputs are (batch, time, units); None where nothing says so.

    What it says itself counts first, then `batch_first`, then what is inside: a wrapper may turn
    the outputs of its recurrent module around.
    """
    own = getattr(module, "batch_first", None)
    if isinstance(own, bool):
        batch_first = own
    elif batch_first is None and len(said := said_by_recurrent(module)) == 1:
        batch_first = said.pop()
    return batch_first


def said_by_recurrent(model: nn.Module) -> set[bool]:
    """Return what the recurrent modules in a model say of `batch_first`."""
    said = {getattr(one, "batch_first", None) for one in model.modules() if is_recurrent(one)}
    return {one for one in said if isinstance(one, bool)}


def checked_lengths(lengths: object) -> Lengths:
    """Return lengths as `read` takes them.

    Raises:
        ValueError: a length is below one, or the tensor is neither whole numbers nor a mask.
    """
    if not isinstance(lengths, Tensor):
        raise ValueError(f"lengths are a {type(lengths).__name__}; give a tensor, or None")
    mask = lengths.dtype == torch.bool
    whole = not (mask or lengths.is_floating_point() or lengths.is_complex())
    if not (mask and lengths.dim() == 2) and not (whole and lengths.dim() == 1):
        raise ValueError(
            f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give whole numbers "
            "(batch,), a bool mask (batch, time), or None"
        )
    if mask or not len(lengths):
        return Lengths(lengths, None)
    shortest, longest = (int(one) for one in lengths.aminmax())
    if shortest < 1:
        raise ValueError(
            f"the shortest length is {shortest}; every row has one real step or more: leave empty "
            "rows out"
        )
    return Lengths(lengths, longest)


def read(
    name: str,
    module: nn.Module,
    output: object,
    batch_first: bool,
    lengths: Lengths | None,
    any_order: bool = False,
) -> States:
    """Return the states in what `module` returned, as one direction.

    Args:
        name: of the module, for messages.
        module: the module, which may be a cell by mistake.
        output: a tensor, a PackedSequence, or a tuple that begins with one.
        batch_first: whether they are (batch, time, units).
        lengths: real steps of the rows; those of a PackedSequence are its own.
        any_order: whether (anything, units) will do, which has no steps to tell apart.

    Raises:
        ValueError: the output is none of these, holds integers or complex numbers, or the lengths
            do not fit it.
    """
    values, real = outputs_of(name, module, output)
    packed = real is not None
    # (batch, units), the last states, look the same as one row without its batch axis; only
    # PyTorch's own modules are sure to mean the latter.
    one_row = values.dim() == 2 and isinstance(module, nn.RNNBase)
    flat = values.dim() == 2 and not one_row and any_order
    if one_row or flat:
        values = values.unsqueeze(0)
    if values.dim() != 3 or not values.is_floating_point():
        raise ValueError(
            f"{name!r} ({type(module).__name__}) returned {_described(values)}; outputs are "
            "floating point, (batch, time, units) or (time, batch, units). Give a single row its "
            "batch axis."
        )
    if not (batch_first or packed or one_row or flat):
        values = values.transpose(0, 1)
    if lengths is not None and not packed:
        real = _real(name, lengths, values)
    return States(values, real, have_steps=not flat)


@torch.no_grad()
def norm_totals(states: States) -> list[tuple[Tensor, Tensor]]:
    """Return, a direction each, the sum of the norms at a step and how many: (time,) both.

    The second direction counts its steps from where it starts, the end of each row. Outputs
    without steps have none.
    """
    if not states.have_steps:
        return []
    values = states.values.detach()
    norms = torch.linalg.vector_norm(
        values, dim=2, dtype=torch.promote_types(values.dtype, torch.float32)
    )
    real = torch.ones_like(norms, dtype=torch.bool) if states.real is None else states.real
    parts = list(zip(norms.chunk(states.directions), real.chunk(states.directions), strict=True))
    if states.directions == 2:
        parts[1] = _from_the_end(*parts[1])
    return [(norm.where(mask, 0).sum(0), mask.sum(0)) for norm, mask in parts]


def _from_the_end(norms: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the rows around, so that the last real step of each is step 0."""
    norms, real = norms.flip(1), real.flip(1)
    order = real.int().argsort(dim=1, descending=True, stable=True)  # real steps to the front
    return norms.gather(1, order), real.gather(1, order)


def outputs_of(name: str, module: nn.Module, output: object) -> tuple[Tensor, Tensor | None]:
    """Return the outputs, and which steps are real in what was packed: (batch, time) then.

    Raises:
        ValueError: there are none, or the module is a cell.
    """
    packed = isinstance(output, PackedSequence)  # which is a tuple, too
    first = output[0] if isinstance(output, tuple) and output and not packed else output
    if isinstance(first, PackedSequence):
        values, lengths = pad_packed_sequence(first, batch_first=True)
        return values, _first_steps(lengths, values)
    if not isinstance(first, Tensor) or isinstance(module, nn.RNNCellBase):
        raise ValueError(
            f"{name!r} ({type(module).__name__}) returned {_described(output)}; watch a module "
            "that runs over whole sequences and returns its outputs, or (outputs, state), as "
            "nn.LSTM does, or a dropout. For cells, stack the states and call the penalty itself."
        )
    return first, None


def _real(name: str, lengths: Lengths, values: Tensor) -> Tensor:
    """Return the mask (rows, time) that the lengths mean."""
    rows, time = values.shape[:2]
    given = lengths.given
    mask = given.dtype == torch.bool
    if given.shape != ((rows, time) if mask else (rows,)):
        raise ValueError(
            f"{name!r} returned {rows} rows of {time} steps, but the lengths set have the shape "
            f"{tuple(given.shape)}; set ({rows},) whole numbers or a mask ({rows}, {time})"
        )
    if lengths.longest is not None and lengths.longest > time:
        raise ValueError(
            f"{name!r} returned {time} steps, but the longest length set is {lengths.longest}; "
            "lengths count the steps of the module's outputs"
        )
    return given.to(values.device) if mask else _first_steps(given, values)


def _first_steps(lengths: Tensor, values: Tensor) -> Tensor:
    steps = torch.arange(values.shape[1], device=values.device)
    return steps < lengths.to(steps.device).unsqueeze(1)


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype}, shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
