"""Golden cases for other libraries: `python -m tests.penalties.golden` writes them.

Values and gradients are those of the plain float64 loops. States are eighths, so that every number
format holds them exactly; padding is filled with 1000, which shows where it is not left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadfit.penalties import reference

FILE = Path(__file__).parents[2] / "docs" / "golden" / "penalties.json"

LOOPS = {
    "activation_regularization": (reference.activation_regularization, 2.0),
    "temporal_activation_regularization": (reference.temporal_activation_regularization, 1.0),
    "norm_stabilizer": (reference.norm_stabilizer, 50.0),
}


def cases() -> list[dict[str, Any]]:
    """Return all cases as plain JSON values."""
    by_hand = torch.tensor([[[1.0], [2.0], [4.0]]], dtype=torch.float64)
    zero = _states(2, 4, 2)
    zero[0, 1] = zero[0, 2] = zero[1, 3] = 0
    return [
        _case("worked out by hand", by_hand, [3]),
        _case("every step real", _states(3, 4, 2), [4, 4, 4]),
        _case("one row", _states(1, 6, 3), [6]),
        _case("one unit", _states(2, 3, 1), [3, 3]),
        _case("padding", _states(3, 5, 2), [5, 3, 2]),
        _case("rows of one real step", _states(4, 3, 2), [3, 1, 1, 2]),
        _case("no pair of steps", _states(2, 1, 3), [1, 1]),
        _case("zero states", zero, [4, 4]),
        _case("a zero state beside padding", zero.flip(1), [3, 2]),
    ]


def text() -> str:
    """Return what the file holds."""
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases())
    return f'{{"version": 1, "cases": [\n{lines}\n]}}\n'


def _states(batch: int, time: int, units: int) -> Tensor:
    numbers = torch.arange(1, batch * time * units + 1, dtype=torch.float64)
    return ((7 * numbers**2 + 3 * numbers) % 19 - 9).div(8).reshape(batch, time, units)


def _case(name: str, states: Tensor, lengths: list[int]) -> dict[str, Any]:
    states = states.clone()
    for row, length in zip(states, lengths, strict=True):
        row[length:] = 1000
    found = {}
    for penalty, (loop, coefficient) in LOOPS.items():
        h = states.clone().requires_grad_()
        value = loop(h, coefficient, lengths)
        gradient = torch.zeros_like(h)
        if value.requires_grad:  # the loop over no pair at all is a constant
            (gradient,) = torch.autograd.grad(value, h)
        # A norm has no gradient at zero, where the loop's root has NaN; zero is its least one.
        at_zero = (states == 0).all(dim=2, keepdim=True)
        gradient = gradient.where(~(gradient.isnan() & at_zero), 0)
        found[penalty] = {
            "coefficient": coefficient,
            "value": value.item(),
            "gradient": gradient.tolist(),
        }
    return {"name": name, "states": states.tolist(), "lengths": lengths, "penalties": found}


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
