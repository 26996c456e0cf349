"""A network of characters run far beyond the windows it was trained on."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from experiments._char_model import BITS, CharacterModel
from steadfit.core.errors import DataError
from steadfit.penalties.beyond import NormCurves, curves_beyond
from steadfit.penalties.runs import BitsByStep

EARLY, LATE = 50, 1000  # steps: the training horizon, and far beyond
_AROUND = 20  # steps on each side that a figure is the mean of
_POINTS = 160  # of a curve that is kept


class Paired(NamedTuple):
    """Bits per character of the same characters, read after few steps and after many."""

    early: float
    late: float
    standard_error: float  # of late - early, over rows


def evenly(part: Tensor, rows: int, time: int) -> tuple[Tensor, Tensor]:
    """Return `rows` pieces of `time` steps that begin evenly over the text: inputs and targets.

    Raises:
        DataError: the text is shorter than one piece.
    """
    last = len(part) - time - 1
    if last < 0:
        raise DataError(
            f"{len(part):,} characters are held out; {time:,} steps take {time + 1:,}. Give a text "
            f"{math.ceil((time + 1) / len(part))} times as long"
        )
    places = torch.linspace(0, last, rows).long().unsqueeze(1) + torch.arange(time + 1)
    pieces = part[places]
    return pieces[:, :-1], pieces[:, 1:]


def curves(model: CharacterModel, part: Tensor, rows: int, time: int) -> NormCurves:
    """Return norm, change and bits per character at each step, from a state of zeros."""
    inputs, targets = evenly(part, rows, time)
    return curves_beyond(model, inputs, window=200, score=BitsByStep(model.decoder, targets))


@torch.no_grad()
def paired_bits(
    model: CharacterModel, part: Tensor, rows: int, early: int = EARLY, late: int = LATE
) -> Paired:
    """Compare the bits of the same characters `early` and `late` steps after a state of zeros.

    Different characters differ by far more than what is asked about, so both readings end at the
    same places of the text; the mean is over 20 steps on each side of `early` and of `late`.
    """
    around = min(_AROUND, early - 1)
    inputs, targets = evenly(part, rows, late + around)
    skipped = late - early
    far = _bits(model, inputs, targets)[:, -2 * around :]
    near = _bits(model, inputs[:, skipped:], targets[:, skipped:])[:, -2 * around :]
    difference = (far - near).mean(1)
    return Paired(
        early=round(near.mean().item(), 4),
        late=round(far.mean().item(), 4),
        standard_error=round(difference.std().item() / math.sqrt(rows), 4),
    )


def norm_ratio(found: NormCurves, early: int = EARLY, late: int = LATE) -> float | None:
    """Return mean ‖h‖ around step `late` by that around step `early`; None where that is zero."""
    around = min(_AROUND, early - 1)

    def mean(step: int) -> float:
        return float(found.norm[step - around : step + around].mean())

    before = mean(early)
    return float(f"{mean(late) / before:.5g}") if before else None


def thinned(found: NormCurves) -> dict[str, list[Any]]:
    """Return the curves as means over steps that lie ever further apart, as plain JSON values."""
    steps = len(found.norm)
    edges = sorted({round(e) for e in torch.logspace(0, math.log10(steps), _POINTS).tolist()})
    kept: dict[str, list[Any]] = {"step": [], "norm": [], "bpc": []}
    for begin, end in zip([0, *edges[:-1]], edges, strict=True):
        kept["step"].append((begin + 1 + end) / 2)
        kept["norm"].append(_plain(found.norm[begin:end].mean()))
        kept["bpc"].append(_plain(found.score[begin:end].mean()))  # type: ignore[index]
    return kept


def _bits(model: CharacterModel, inputs: Tensor, targets: Tensor) -> Tensor:
    parts, state = [], None
    for begin in range(0, inputs.shape[1], 200):
        hidden, state = model(inputs[:, begin : begin + 200], state)
        parts.append(model.nats(hidden, targets[:, begin : begin + 200]) * BITS)
    return torch.cat(parts, dim=1).double()


def _plain(value: Tensor) -> float | None:
    """Return four digits; None for what JSON has no number for."""
    number = value.item()
    return float(f"{number:.4g}") if math.isfinite(number) else None
