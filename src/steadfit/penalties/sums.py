"""The penalties as sums and counts, so that windows, micro-batches and ranks add up to the whole.

Means of parts do not average to the mean of the whole as soon as the parts differ in size; sums and
counts add.

    windows = [norm_sums(h1), norm_sums(h2, initial=h1[:, -1])]     # one batch, cut along time
    rows = windows[0] + windows[1]                                  # per row
    value = beta * rows.over_rows().mean()

Micro-batches are cut along rows: add their `over_rows()`, not their rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Sums(NamedTuple):
    """What a penalty adds up, and over how many (int64); both are scalars, or both (batch,)."""

    total: Tensor
    count: Tensor  # type: ignore[assignment]  # the word of the field, not tuple's method

    def __add__(self, other: Sums) -> Sums:  # type: ignore[override]
        """Join two parts of the same whole.

        Raises:
            ValueError: one is per row and the other is not, or their rows differ.
        """
        if self.total.shape != other.total.shape:
            raise ValueError(
                f"sums of shape {tuple(self.total.shape)} and {tuple(other.total.shape)} are no "
                "parts of one whole. Windows of a batch have the same rows: leave those that ended "
                "in, with the length 0. Micro-batches are added up by over_rows()"
            )
        return Sums(self.total + other.total, self.count + other.count)

    def mean(self) -> Tensor:
        """Total by count; zero where nothing was counted."""
        return self.total / self.count.clamp(min=1)

    def over_rows(self) -> Sums:
        """Per-row sums, once their row is complete, as the sum of the rows' means."""
        return Sums(self.mean().sum(), _count(self.total.shape[0], self.total))


def activation_sums(dropped: Tensor, lengths: Tensor | None = None) -> Sums:
    """Squares of the dropped outputs (batch, time, units) over real steps and units.

    `lengths` and errors are those of `activation_regularization`.
    """
    real = real_steps(dropped, lengths)
    values = dropped.to(_precision(dropped))
    if real is None:
        return Sums(values.square().sum(), _count(dropped.numel(), dropped))
    values = values.where(real.unsqueeze(-1), 0)
    return Sums(values.square().sum(), real.sum() * dropped.shape[2])


def temporal_sums(
    h: Tensor,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    has_initial: Tensor | None = None,
) -> Sums:
    """Squared changes of the states (batch, time, units) over pairs of real steps and units.

    Args:
        h: hidden outputs before dropout, (batch, time, units).
        lengths: as for `activation_regularization`.
        initial: the last state before this window, (batch, units); its pair with h_1 counts then.
        has_initial: bool (batch,), false for rows that begin with this window. None: all have one.

    Raises:
        ValueError: the shapes or lengths do not fit each other.
    """
    real = real_steps(h, lengths)
    border = _border(h, real, initial, has_initial)
    values = h.to(_precision(h))
    sums = _changes(values[:, 1:], values[:, :-1], _both(real))
    if initial is not None and h.shape[1]:  # without a step there is no pair
        sums += _changes(values[:, :1], initial.to(values.dtype).unsqueeze(1), border)
    return sums


def norm_sums(
    h: Tensor,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    has_initial: Tensor | None = None,
) -> Sums:
    """Squared changes of the states' norms over pairs of real steps, per row: (batch,) each.

    Arguments and errors are those of `temporal_sums`. `over_rows().mean()` makes the value of them.
    """
    real = real_steps(h, lengths)
    border = _border(h, real, initial, has_initial)
    norms = _norms(h, real)
    sums = _row_changes(norms[:, 1:], norms[:, :-1], _both(real))
    if initial is not None and h.shape[1]:  # without a step there is no pair
        before = _norms(initial, None if border is None else border.squeeze(1)).unsqueeze(1)
        sums += _row_changes(norms[:, :1], before, border)
    return sums


def real_lengths(lengths: Tensor | None) -> Tensor | None:
    """Return `lengths`, which must not be zero; only a window has rows without a real step.

    Raises:
        ValueError: an integer length is below one.
    """
    if lengths is None:
        return None
    lengths = _tensor(lengths)
    if lengths.dtype != torch.bool and (lengths < 1).any():
        raise ValueError(
            f"the shortest length is {int(lengths.min())}; a row has one real step or more. Leave "
            "empty rows out, or add up windows, whose rows may have ended (see the sums)"
        )
    return lengths


def _changes(after: Tensor, before: Tensor, real: Tensor | None) -> Sums:
    change = after - before
    if real is None:
        return Sums(change.square().sum(), _count(change.numel(), change))
    # One `where` behind the difference will do: a difference hands gradients on unchanged, so the
    # zero for a padded step stays zero, even if the padding holds NaN.
    change = change.where(real.unsqueeze(-1), 0)
    return Sums(change.square().sum(), real.sum() * change.shape[2])


def _row_changes(after: Tensor, before: Tensor, real: Tensor | None) -> Sums:
    squares = (after - before).square()
    if real is None:
        rows, pairs = squares.shape
        return Sums(squares.sum(1), torch.full((rows,), pairs, device=squares.device))
    return Sums(squares.where(real, 0).sum(1), real.sum(1))


def _norms(states: Tensor, real: Tensor | None) -> Tensor:
    # Padding goes before the norm, whose gradient multiplies by the state: 0 * NaN is NaN.
    if real is not None:
        states = states.where(real.unsqueeze(-1), 0)
    # vector_norm has the gradient 0 at a zero state, which ReLU reaches; a root of a sum has NaN.
    return torch.linalg.vector_norm(states, dim=-1, dtype=_precision(states))


def _precision(states: Tensor) -> torch.dtype:
    return torch.promote_types(states.dtype, torch.float32)


def _count(number: int, like: Tensor) -> Tensor:
    return torch.full((), number, dtype=torch.int64, device=like.device)


def _both(real: Tensor | None) -> Tensor | None:
    """Which neighbours are both real, (batch, time - 1)."""
    return None if real is None else real[:, 1:] & real[:, :-1]


def real_steps(h: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Which steps are real, bool (batch, time); None if all are."""
    if not isinstance(h, Tensor):
        raise ValueError(
            f"states are a {type(h).__name__}; give a tensor (batch, time, units): the outputs "
            "alone of what an RNN returned, and of what is packed the padded ones"
        )
    if h.dim() != 3 or not h.is_floating_point():
        raise ValueError(
            f"states are {h.dtype} of shape {tuple(h.shape)}; give floating point of shape "
            "(batch, time, units)"
        )
    batch, time = h.shape[:2]
    if lengths is None:
        return None
    lengths = _tensor(lengths)
    if lengths.dtype == torch.bool:
        if lengths.shape != (batch, time):
            raise ValueError(
                f"the mask has shape {tuple(lengths.shape)}; give (batch, time) = {(batch, time)}"
            )
        return lengths.to(h.device)
    if lengths.is_floating_point() or lengths.is_complex() or lengths.shape != (batch,):
        raise ValueError(
            f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give integers of shape "
            f"(batch,) = {(batch,)} or a bool mask of shape (batch, time) = {(batch, time)}"
        )
    shortest, longest = (int(lengths.min()), int(lengths.max())) if batch else (0, 0)
    if shortest < 0 or longest > time:
        raise ValueError(
            f"lengths run from {shortest} to {longest}; give numbers of steps from 0 to "
            f"time = {time}"
        )
    return torch.arange(time, device=h.device) < lengths.to(h.device).unsqueeze(1)


def _tensor(lengths: object) -> Tensor:
    """Return lengths that are a tensor; of whole numbers in a type that can be compared."""
    if not isinstance(lengths, Tensor):
        raise ValueError(
            f"lengths are a {type(lengths).__name__}; give a tensor of whole numbers (batch,), a "
            "bool mask (batch, time), or None"
        )
    whole = not (lengths.dtype == torch.bool or lengths.is_floating_point() or lengths.is_complex())
    return lengths.to(torch.int64) if whole else lengths


def _border(
    h: Tensor, real: Tensor | None, initial: Tensor | None, has_initial: Tensor | None
) -> Tensor | None:
    """Which rows have a pair of the state before and a real h_1, bool (batch, 1); None if all."""
    batch, _, units = h.shape
    if initial is None:
        if has_initial is not None:
            raise ValueError("has_initial was given without initial; give both or neither")
        return None
    if initial.shape != (batch, units) or not initial.is_floating_point():
        raise ValueError(
            f"initial is {initial.dtype} of shape {tuple(initial.shape)}; give floating point of "
            f"shape (batch, units) = {(batch, units)}"
        )
    first = None if real is None else real[:, :1]
    if has_initial is None:
        return first
    if has_initial.dtype != torch.bool or has_initial.shape != (batch,):
        raise ValueError(
            f"has_initial is {has_initial.dtype} of shape {tuple(has_initial.shape)}; give bool of "
            f"shape (batch,) = {(batch,)}"
        )
    known = has_initial.to(h.device).unsqueeze(1)
    return known if first is None else first & known
