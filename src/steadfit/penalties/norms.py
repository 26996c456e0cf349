"""How long, how steady and how saturated the states of a recurrent network are, step by step.

For diagnosis: nothing here is differentiated. Each function returns a vector (time,), float32, or
float64 for float64 states, with NaN at steps that no row reaches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from steadfit.penalties.sums import real_lengths, real_steps

SATURATED = 0.95  # of tanh, whose slope is below a tenth from here


@torch.no_grad()
def norms_by_step(h: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Mean over rows of ‖h_t‖₂ (Krueger & Memisevic, 2016, figure 1).

    Args:
        h: states (batch, time, units).
        lengths: real steps a row, integers (batch,) from 1, with the padding behind them; or a bool
            mask (batch, time) that is true at real steps. None: every step is real.

    Raises:
        ValueError: the states are no floating point or have another number of dimensions, or the
            lengths do not fit them.
    """
    real = _checked(h, lengths)
    return _mean(state_norms(h), real)


@torch.no_grad()
def norm_changes_by_step(h: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Mean over rows of |‖h_t‖₂ − ‖h_{t−1}‖₂|; NaN at the first step, which has none before it.

    Counted are pairs of real steps. Arguments and errors are those of `norms_by_step`.
    """
    real = _checked(h, lengths)
    both = None if real is None else real & real.roll(1, 1)
    return _mean(changes(state_norms(h), None), both)


@torch.no_grad()
def saturation_by_step(
    h: Tensor, lengths: Tensor | None = None, threshold: float = SATURATED
) -> Tensor:
    """Share of the units, over rows, whose size |h| is above `threshold`: for states within ±1.

    Arguments and errors are those of `norms_by_step`; the threshold is a finite number above zero.
    """
    real = _checked(h, lengths)
    return _mean(saturated(h, threshold), real)


@torch.no_grad()
def zeros_by_step(h: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Share of the units, over rows, that are exactly zero: what saturation is to a ReLU.

    Arguments and errors are those of `norms_by_step`.
    """
    real = _checked(h, lengths)
    return _mean(zeros(h), real)


def gradient_norms_by_step(
    states: Sequence[Tensor], loss: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """Mean over rows of ‖∂loss/∂h_t‖₂, through all steps that follow.

    The states must be the tensors that a step hands to the next one, as in a loop of your own or
    from `states_by_step`. The output of `nn.LSTM` is a copy of them: its gradient leaves out all
    that flows through later steps, so one stacked tensor is refused. Zero for steps the loss does
    not depend on. The graph is kept: `loss.backward()` can follow.

    Args:
        states: h_1, h_2, …, each (batch, units).
        loss: a scalar computed from them. A mean over rows makes each row's gradient that much
            smaller; take the sum over rows for gradients of each row's own loss.
        lengths: as for `norms_by_step`.

    Raises:
        ValueError: the states are one tensor, none, or not alike; the loss is no scalar, or does
            not depend on any of them; the lengths do not fit.
    """
    _check_states(states, loss)
    gradients = torch.autograd.grad(loss, list(states), retain_graph=True, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        raise ValueError(
            "the loss does not depend on any of the states, so all gradients would be zero; "
            "compute it from these very tensors, for example from torch.stack(states, dim=1)"
        )
    pairs = zip(gradients, states, strict=True)
    found = [torch.zeros_like(h) if gradient is None else gradient for gradient, h in pairs]
    return norms_by_step(torch.stack(found, dim=1), lengths)


def state_norms(h: Tensor) -> Tensor:
    """Norms ‖h_t‖₂ (batch, time), in float32 at least."""
    h = h.to(_precision(h))
    # Diverging states and vanishing gradients are what is looked for here: their squares leave
    # float32 at 1e19 and 1e-23, so the largest unit is taken out first.
    largest = h.abs().amax(dim=-1, keepdim=True)
    scale = largest.where((largest > 0) & largest.isfinite(), 1)
    return torch.linalg.vector_norm(h / scale, dim=-1) * scale.squeeze(-1)


def changes(norms: Tensor, before: Tensor | None) -> Tensor:
    """Changes of norms (batch, time) from step to step; `before` (batch,) is the norm before."""
    if before is None:
        before = norms.new_full(norms.shape[:1], math.nan)
    return torch.cat([before.unsqueeze(1), norms], dim=1).diff(dim=1).abs()


def saturated(h: Tensor, threshold: float) -> Tensor:
    """Share of units above the threshold, (batch, time)."""
    if isinstance(threshold, bool) or not 0 < threshold < math.inf:
        raise ValueError(f"the threshold is {threshold!r}; give a finite number above zero")
    return _share(h.abs() > threshold, h)


def zeros(h: Tensor) -> Tensor:
    """Share of units that are zero, (batch, time)."""
    return _share(h == 0, h)


def _share(units: Tensor, h: Tensor) -> Tensor:
    share = units.to(_precision(h)).mean(dim=2)
    # A state that is not a number is neither small nor large; without this it would count as small.
    return share.masked_fill(h.isnan().any(dim=2), math.nan)


def _mean(values: Tensor, real: Tensor | None) -> Tensor:
    """Mean over rows of (batch, time); NaN without a row."""
    if real is None:
        return values.mean(dim=0)
    return values.where(real, 0).sum(dim=0) / real.sum(dim=0)


def _checked(h: Tensor, lengths: Tensor | None) -> Tensor | None:
    real = real_steps(h, lengths)
    real_lengths(lengths)
    return real


def _precision(h: Tensor) -> torch.dtype:
    return torch.promote_types(h.dtype, torch.float32)


def _check_states(states: Sequence[Tensor] | Tensor, loss: Tensor) -> None:
    if isinstance(states, Tensor):
        raise ValueError(
            "the states are one tensor, whose gradient leaves out what flows through later steps; "
            "give the list of states as they were handed on from step to step, each (batch, "
            "units): states_by_step makes it of an nn.RNN, nn.GRU or nn.LSTM"
        )
    shapes = {tuple(h.shape) for h in states}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(
            f"{len(states)} states of the shapes {sorted(shapes)} were given; give one or more, "
            "all of the same shape (batch, units)"
        )
    if loss.numel() != 1:
        raise ValueError(f"the loss has the shape {tuple(loss.shape)}; give a scalar")
    if not loss.requires_grad or not all(h.requires_grad for h in states):
        raise ValueError(
            "the loss or a state has no gradient; run the network with weights that train, and "
            "not under torch.no_grad()"
        )
