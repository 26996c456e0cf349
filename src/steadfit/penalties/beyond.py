"""What the states do far beyond the length a network was trained on, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from steadfit.penalties.norms import SATURATED, changes, saturated, state_norms, zeros
from steadfit.penalties.runs import RecurrentRun

Run = Callable[[Any, Any], tuple[Tensor, Any]]
"""`run(inputs, state) → (h, state)`: h (rows, time, units); the first state is None."""

Score = Callable[[Tensor, int], Tensor]
"""`score(h, begin) → (rows, time)`: `begin` is how many steps went before this window."""

WINDOW = 100  # steps, where the caller does not say


class NormCurves(NamedTuple):
    """Means over rows at each step, (time,) on the CPU; step t stands at place t − 1."""

    norm: Tensor  # ‖h_t‖₂
    change: Tensor  # |‖h_t‖₂ − ‖h_{t−1}‖₂|; NaN at the first step
    saturation: Tensor  # share of units above the threshold
    zeros: Tensor  # share of units that are exactly zero
    score: Tensor | None = None  # what the caller measures
    gradient: Tensor | None = None  # ‖∂loss/∂h_t‖₂, see `with_gradient`

    def with_gradient(self, norms: Tensor) -> NormCurves:
        """Return these curves and the first steps of another: `gradient_norms_by_step`.

        Gradients need all steps at once, so they seldom reach as far; NaN stands for the rest.

        Raises:
            ValueError: `norms` is not a vector (time,), or longer than the curves.
        """
        missing = len(self.norm) - len(norms) if norms.dim() == 1 else -1
        if missing < 0:
            raise ValueError(
                f"gradient norms have the shape {tuple(norms.shape)}; give (time,), of at most the "
                f"{len(self.norm)} steps of the curves"
            )
        rest = norms.new_full((missing,), math.nan)
        return self._replace(gradient=torch.cat([norms, rest]).to(self.norm))

    def ratio(self, early: int, late: int) -> float:
        """Mean norm at step `late` by that at step `early`; steps count from 1.

        Raises:
            ValueError: the curve has no such step.
        """
        steps = len(self.norm)
        if not (1 <= early <= steps and 1 <= late <= steps):
            raise ValueError(
                f"steps {early} and {late} were asked for; the curve has steps 1 to {steps}"
            )
        return float(self.norm[late - 1] / self.norm[early - 1])


def curves_beyond(
    run: Run,
    inputs: Tensor | Iterable[Any],
    *,
    window: int | None = None,
    state: Any = None,
    threshold: float = SATURATED,
    score: Score | None = None,
) -> NormCurves:
    """Run a recurrent network over sequences of any length and measure its states at each step.

        curves = curves_beyond(RecurrentRun(gru, embedding), tokens, score=BitsByStep(out, targets))
        curves.ratio(50, 1000)  # ‖h_1000‖ / ‖h_50‖

    It runs window by window without gradients and carries the detached state; kept are the curves
    alone. The length of a window changes speed and memory, not the curves (but for the order of
    floating-point sums).

    Modules given as `run` or `score` (or their methods) are in evaluation mode meanwhile, and in
    their own mode again after; what a function of yours calls you put there yourself.

    Args:
        run: `nn.RNN`, `nn.GRU` or `nn.LSTM` in one direction, a `RecurrentRun`, or a function.
        inputs: (rows, time, …), which is cut into windows; or windows, one after the other, each as
            `run` takes it: whatever is read from disk as it goes.
        window: steps a window, 100 if None; only for inputs in one tensor.
        state: before the first step. None: `run` is given None, and begins from its own.
        threshold: above which |h| counts as saturated.
        score: measured at each step as well, such as `BitsByStep`.

    Returns:
        Curves in float32; those of float64 states in float64.

    Raises:
        ValueError: there are no steps or rows; the windows have different rows; `run` or `score`
            returned something else than they should, or states that are integers or complex.
    """
    if isinstance(run, nn.RNNBase):
        run = RecurrentRun(run)
    parts: list[list[Tensor]] = []
    begin, last = 0, None
    with _evaluating(run, score), torch.no_grad():
        for number, one in enumerate(_windows(inputs, window)):
            h, state = _states(run(one, state), number, last)
            state = _detached(state)
            norms = state_norms(h)
            measured = [norms, changes(norms, last), saturated(h, threshold), zeros(h)]
            if score is not None:
                measured.append(_scores(score(h, begin), h))
            # On the CPU one by one: thousands of small vectors on a GPU would hold blocks of it.
            parts.append([values.mean(dim=0).detach().cpu() for values in measured])
            begin, last = begin + h.shape[1], norms[:, -1]
    if not parts:
        raise ValueError("there are no inputs; give at least one window of one step")
    return NormCurves(*(torch.cat(curve) for curve in zip(*parts, strict=True)))


def _windows(inputs: Tensor | Iterable[Any], window: int | None) -> Iterable[Any]:
    if isinstance(inputs, PackedSequence):
        raise ValueError(
            "inputs are packed; give a tensor (rows, time, …): all rows run equally far here"
        )
    if not isinstance(inputs, Tensor):
        if window is not None:
            raise ValueError(
                f"window={window} was given with inputs that are windows already; leave it out"
            )
        return inputs
    window = WINDOW if window is None else window
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise ValueError(f"window is {window!r}; a window has a whole number of steps, 1 or more")
    if inputs.dim() < 2 or 0 in inputs.shape[:2]:
        raise ValueError(
            f"inputs have the shape {tuple(inputs.shape)}; give (rows, time, …), one row and one "
            "step or more"
        )
    return (inputs[:, a : a + window] for a in range(0, inputs.shape[1], window))


def _states(returned: object, number: int, last: Tensor | None) -> tuple[Tensor, Any]:
    """Return the states and the state to carry of what `run` returned for a window."""
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[0], Tensor):
        raise ValueError(
            f"run returned {type(returned).__name__} for window {number}; it returns (h, state), "
            "h a tensor (rows, time, units)"
        )
    h, state = returned
    if h.dim() != 3 or not h.is_floating_point() or 0 in h.shape:
        raise ValueError(
            f"run returned states of {h.dtype} and shape {tuple(h.shape)} for window {number}; "
            "states are floating point (rows, time, units), one of each or more"
        )
    if last is not None and len(last) != len(h):
        raise ValueError(
            f"window {number} has {len(h)} rows and the one before {len(last)}; rows go on from "
            "window to window, so every window has the same"
        )
    return h, state


def _scores(scores: object, h: Tensor) -> Tensor:
    if not isinstance(scores, Tensor) or scores.shape != h.shape[:2] or scores.is_complex():
        given = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(
            f"score returned {given}; give real numbers of shape (rows, time) = "
            f"{tuple(h.shape[:2])}"
        )
    return scores.to(torch.promote_types(h.dtype, torch.float32))


def _detached(state: Any) -> Any:
    """Cut what is carried from its graph, for a `run` that turns gradients on by itself."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, dict):
        return {key: _detached(value) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_make"):
        return state._make(map(_detached, state))
    if isinstance(state, list | tuple):
        return type(state)(map(_detached, state))
    return state


@contextmanager
def _evaluating(*callables: object) -> Iterator[None]:
    owners = [getattr(one, "__self__", one) for one in callables]
    modes = {m: m.training for one in owners if isinstance(one, nn.Module) for m in one.modules()}
    try:
        for module in modes:
            module.training = False
        yield
    finally:
        for module, training in modes.items():
            module.training = training
