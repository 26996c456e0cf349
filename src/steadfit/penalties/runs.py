"""Plain recurrent modules, run window by window or step by step."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RecurrentRun(nn.Module):
    """A recurrent module as `run(inputs, state) → (h, state)`, h (rows, time, units).

    Args:
        rnn: `nn.RNN`, `nn.GRU` or `nn.LSTM` in one direction (of several layers, h is the top
            one's); or another module that takes (x, state) and returns (h, state), rows first
            unless its `batch_first` is false.
        embedding: what turns the inputs (rows, time, …) into (rows, time, inputs of the module),
            such as `nn.Embedding` or a one-hot function. None: they are that already.

    Raises:
        ValueError: the module reads in two directions.
    """

    def __init__(self, rnn: nn.Module, embedding: Any = None) -> None:
        super().__init__()
        _check_one_way(rnn)
        self.rnn = rnn
        self.embedding = embedding
        self.rows_first = bool(getattr(rnn, "batch_first", True))

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x = inputs if self.embedding is None else self.embedding(inputs)
        h, state = self.rnn(x if self.rows_first else x.transpose(0, 1), state)
        return (h if self.rows_first else h.transpose(0, 1)), state


class BitsByStep(nn.Module):
    """A `score` for `curves_beyond`: bits a target costs (per character, if these are targets).

    Args:
        decoder: what turns states (rows, time, units) into logits (rows, time, classes).
        targets: ids (rows, time), of all steps.

    Raises:
        ValueError: the targets are not whole numbers (rows, time).
    """

    def __init__(self, decoder: nn.Module, targets: Tensor) -> None:
        super().__init__()
        if targets.dim() != 2 or targets.dtype != torch.int64:
            raise ValueError(
                f"targets are {targets.dtype} of shape {tuple(targets.shape)}; give int64 ids of "
                "shape (rows, time)"
            )
        self.decoder = decoder
        self.targets = targets

    def forward(self, h: Tensor, begin: int) -> Tensor:
        rows, time = h.shape[:2]
        targets = self.targets[:, begin : begin + time]
        if targets.shape != (rows, time):
            raise ValueError(
                f"there are targets of shape {tuple(self.targets.shape)}, but the states reach "
                f"step {begin + time} in {rows} rows; give a target for every step"
            )
        logits = self.decoder(h)
        nats = F.cross_entropy(
            logits.flatten(0, 1), targets.to(h.device).flatten(), reduction="none"
        )
        return nats.view(rows, time) / math.log(2)


def states_by_step(rnn: nn.RNNBase, x: Tensor, state: Any = None) -> list[Tensor]:
    """Run a module one step at a time and return its states h_1, h_2, …, each (rows, units).

    They are the tensors that each step hands to the next, so that gradients with respect to them
    count all later steps (see `gradient_norms_by_step`). Of several layers it is the top one's.
    Slower than the module itself: a call a step.

    Args:
        rnn: `nn.RNN`, `nn.GRU` or `nn.LSTM` in one direction.
        x: (rows, time, inputs), or (time, rows, inputs) if the module has it so.
        state: before the first step, as the module takes it; zeros if None.

    Raises:
        ValueError: the module is none of the three or reads in two directions, or x has another
            number of dimensions.
    """
    if not isinstance(rnn, nn.RNNBase):
        raise ValueError(
            f"{type(rnn).__name__} is none of nn.RNN, nn.GRU and nn.LSTM; run it in a loop of your "
            "own, and keep the states that each step hands to the next"
        )
    _check_one_way(rnn)
    if not isinstance(x, Tensor) or x.dim() != 3:
        given = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x is of {given}; give a tensor of three dimensions, rows and time")
    time = 1 if rnn.batch_first else 0
    steps = (x.narrow(time, t, 1) for t in range(x.shape[time]))
    found = []
    for one in steps:
        _, after = rnn(one, state)
        layers, *cells = after if isinstance(after, tuple) else (after,)
        h = layers[-1]
        # Put together anew, so that what follows depends on h and not on the tensor around it.
        layers = torch.cat([layers[:-1], h.unsqueeze(0)])
        state = (layers, *cells) if cells else layers
        found.append(h)
    return found


def _check_one_way(rnn: nn.Module) -> None:
    if getattr(rnn, "bidirectional", False):
        raise ValueError(
            f"the {type(rnn).__name__} is bidirectional: its second direction starts at the end of "
            "the text, so no state can be carried from window to window. Take one direction."
        )
