"""A language model of characters: one-hot symbols, a stack of recurrent cells, a softmax."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from experiments._characters import Characters, pieces, windows
from steadfit.kernels.precision import has_fast_bf16, products_in_bf16
from steadfit.models.initial import drawn
from steadfit.models.stack import RecurrentStack, detach_stack_state
from steadfit.penalties import (
    activation_regularization,
    norm_stabilizer,
    temporal_activation_regularization,
    warm_up,
)

BITS = 1 / math.log(2)  # of a nat
# With the 0.001 of Le et al. (2015) an IRNN reads one-hot symbols for a thousand updates before it
# learns more than how often each occurs.
IRNN_INPUT_STD = 0.1


@dataclass(frozen=True)
class Training:
    """How a model is trained.

    Attributes:
        updates: steps of the optimizer.
        rows: texts read side by side.
        time: characters of a window.
        carry: whether a window goes on from the state of the one before. Otherwise windows are
            pieces from anywhere in the text, and each begins with zeros.
        optimizer: "adam" or "sgd".
        lr: its rate, constant over 70 % of the updates, then falling to zero in a line.
        momentum: of SGD.
        clip: largest norm of a gradient; None: any.
        norm: coefficient of the norm stabilizer, reached after `warm` updates.
        alpha: coefficient of AR, on the outputs, since nothing is dropped.
        beta: coefficient of TAR.
    """

    updates: int
    rows: int = 32
    time: int = 50
    carry: bool = True
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.0
    clip: float | None = 1.0
    norm: float = 0.0
    warm: int = 0
    alpha: float = 0.0
    beta: float = 0.0


class Trained(NamedTuple):
    """A model and what was seen while it trained."""

    model: CharacterModel
    figures: dict[str, Any]


class CharacterModel(nn.Module):
    """Symbols (rows, time) and a state → hidden outputs (rows, time, units) and the next state."""

    def __init__(self, cell: str, symbols: int, units: int, generator: Generator) -> None:
        super().__init__()
        self.symbols = symbols
        self.stack = RecurrentStack(
            cell,
            symbols,
            units,
            generator=generator,
            irnn_input_std=IRNN_INPUT_STD,
            kernels=cell == "lstm",
        )
        self.decoder = drawn(nn.Linear, units, symbols, generator=generator)

    def forward(self, symbols: Tensor, state: Any = None) -> Any:
        """Read a window; zeros where there is no state."""
        return self.stack(F.one_hot(symbols, self.symbols).float(), state)

    @contextmanager
    def training_precision(self) -> Iterator[None]:
        """Train an LSTM in bfloat16 where that is fast; everything else is float32."""
        device = self.decoder.weight.device
        with products_in_bf16(device, self.stack.cell == "lstm" and has_fast_bf16(device)):
            yield

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each target, (rows, time)."""
        logits = self.decoder(hidden)
        return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def train(cell: str, units: int, seed: int, text: Characters, how: Training) -> Trained:
    """Train a model from nothing; the loss is the mean of nats a character, penalties added.

    A loss that is no number ends the training: the figures say `diverged`.
    """
    generator = torch.Generator().manual_seed(seed)
    model = CharacterModel(cell, text.symbols, units, generator)
    optimizer = _optimizer(model, how)
    stabilizer = warm_up(how.norm, how.warm) if how.warm else lambda step: how.norm
    state, smoothed = None, math.nan
    for done, (inputs, targets) in enumerate(_batches(text.train, how, generator)):
        for group in optimizer.param_groups:
            group["lr"] = how.lr * min(1.0, (how.updates - done) / (0.3 * how.updates))
        with model.training_precision():
            hidden, after = model(inputs, state)
        hidden = hidden.float()
        state = detach_stack_state(after) if how.carry else None
        nats = model.nats(hidden, targets).mean()
        loss = nats + _penalty(hidden, how, stabilizer(done))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), how.clip or math.inf)
        if not torch.isfinite(norm):
            return Trained(model, {"diverged": done + 1})
        optimizer.step()
        smoothed = 0.98 * smoothed + 0.02 * nats.item() if done else nats.item()
    return Trained(model, {"diverged": None, "train_bpc": round(smoothed * BITS, 4)})


@torch.no_grad()
def bits_per_character(model: CharacterModel, part: Tensor, rows: int = 32) -> float:
    """Return the mean over a part of the text, the state carried through."""
    nats, count, state = 0.0, 0, None
    for inputs, targets in windows(part, rows, 200):
        hidden, state = model(inputs, state)
        nats += model.nats(hidden, targets).double().sum().item()
        count += targets.numel()
    return nats / count * BITS


def _batches(part: Tensor, how: Training, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield as many windows as there are updates."""
    left = how.updates
    while left:
        if not how.carry:
            yield pieces(part, how.rows, how.time, generator)
            left -= 1
            continue
        # Where the text is read again, the last state goes on: one break in thousands of windows.
        for inputs, targets in windows(part, how.rows, how.time):
            yield inputs, targets
            left -= 1
            if not left:
                return


def _penalty(hidden: Tensor, how: Training, norm: float) -> Tensor:
    total = hidden.new_zeros(())
    if norm:
        total = total + norm_stabilizer(hidden, norm)
    if how.alpha:
        total = total + activation_regularization(hidden, how.alpha)
    if how.beta:
        total = total + temporal_activation_regularization(hidden, how.beta)
    return total


def _optimizer(model: nn.Module, how: Training) -> torch.optim.Optimizer:
    if how.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), how.lr)
    return torch.optim.SGD(model.parameters(), how.lr, how.momentum)
