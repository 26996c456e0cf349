"""What the models return, by name."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from steadfit.kernels.lstm import LayerState

State = tuple[LayerState, ...]
"""The recurrent state: for each layer `(h, c)`, each `(batch, units)`."""


class EncoderOutput(NamedTuple):
    """What the recurrent encoder makes of a window of tokens."""

    hidden: Tensor  # (batch, time, units): outputs of the last layer, un-dropped
    state: State


class LanguageModelOutput(NamedTuple):
    """What a language model hands to its decoder."""

    hidden: Tensor  # (batch, time, units), un-dropped
    dropped: Tensor  # (batch, time, units), after output dropout
    state: State


class DocumentWindow(NamedTuple):
    """One window of a batch of documents, longest first; finished documents have left it."""

    hidden: Tensor  # (rows, time, units)
    lengths: Tensor  # (rows,): real steps of this window, at least one
    previous: Tensor | None  # (rows, units): last output before this window; None in the first
    old: int = 0  # so many rows, the first ones, were read without gradient so far


def detach_state(state: State) -> State:
    """Cut the gradient between one window and the next."""
    return tuple((h.detach(), c.detach()) for h, c in state)
