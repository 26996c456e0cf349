"""What the cases share: the penalties as float64 loops, and what is compared and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def by_hand(
    dropped: Tensor, raw: Tensor, real: Tensor, alpha: float, beta: float, beta_norm: float
) -> float:
    """AR on `dropped`, TAR and norm stabilizer on `raw`, (batch, time, units) both."""
    dropped, raw = dropped.detach().double(), raw.detach().double()
    squares, changes, rows = [], [], []
    for row, mask in enumerate(real.tolist()):
        changes_of_norm = []
        for t, is_real in enumerate(mask):
            if is_real:
                squares += (dropped[row, t] ** 2).tolist()
            if t and is_real and mask[t - 1]:
                changes += ((raw[row, t] - raw[row, t - 1]) ** 2).tolist()
                norm, before = (raw[row, at].square().sum().sqrt().item() for at in (t, t - 1))
                changes_of_norm.append((norm - before) ** 2)
        rows.append(mean(changes_of_norm))
    return alpha * mean(squares) + beta * mean(changes) + beta_norm * mean(rows)


def mean(values: list[float]) -> float:
    """Return the mean, zero of nothing."""
    return sum(values) / len(values) if values else 0.0


def close(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Compare by the largest value that is expected."""
    found, expected = (torch.as_tensor(one).detach().double() for one in (found, expected))
    largest = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0.0, atol=tolerance * largest)


@contextmanager
def raises(kind: type[Exception], words: str) -> Iterator[None]:
    """Expect an error that says so; these environments have no pytest."""
    try:
        yield
    except kind as error:
        if words not in str(error):
            raise
    else:
        raise AssertionError(f"no {kind.__name__}")
