"""Pieces of a training step by themselves: the penalties, and what the hardware allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks._worker import Gate
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.training.penalty_terms import Penalties, PenaltyTally, Sizes

REPETITIONS = 5
COPIED = 1 << 28  # floats of a tensor that the bandwidth is measured with: 1 GiB
PIECE = 140  # rows of a large product made at a time, where that is faster


def penalties(gate: Gate, settings: dict[str, Any]) -> None:
    """Compute the three penalties of a window and their gradients."""
    device = torch.device(settings["device"])
    rows, steps, units = settings["rows"], settings["steps"], settings["units"]
    shape = (rows, steps, units)
    states = [torch.randn(shape, device=device).to(_states_dtype(device)) for _ in range(2)]
    hidden, dropped = (state.requires_grad_() for state in states)
    chosen = Penalties(alpha=2.0, beta=1.0, beta_norm=settings["beta_norm"])
    sizes = Sizes(targets=rows * steps, steps=rows * steps, rows=rows)

    def once() -> None:
        tally = PenaltyTally(chosen, rows, units, device)
        tally.add(hidden, dropped)
        total = torch.stack(list(tally.values(sizes).values())).sum()
        torch.autograd.grad(total, (hidden, dropped))

    for _ in gate:
        gate.report(seconds=_best(once), work=rows * steps)


def floor(gate: Gate, settings: dict[str, Any]) -> None:
    """Time matrix products in bfloat16, and the bandwidth of a large addition."""
    device = torch.device(settings["device"])
    for _ in gate:
        began = time.perf_counter()
        products = _products(settings["shapes"], device)
        a, b, c = (torch.ones(COPIED, device=device) for _ in range(3))
        seconds = _best(lambda a=a, b=b, c=c: torch.add(a, b, out=c))
        bandwidth = 3 * COPIED * 4 / seconds
        del a, b, c
        gate.report(
            seconds=time.perf_counter() - began, work=1, products=products, bandwidth=bandwidth
        )


def products(gate: Gate, settings: dict[str, Any]) -> None:
    """Time matrix products in bfloat16."""
    device = torch.device(settings["device"])
    for _ in gate:
        began = time.perf_counter()
        found = _products(settings["shapes"], device)
        gate.report(seconds=time.perf_counter() - began, work=1, products=found)


def _products(shapes: list[list[float]], device: torch.device) -> list[float]:
    return [_product(int(m), int(k), int(n), device) * times for m, k, n, times in shapes]


def _product(m: int, k: int, n: int, device: torch.device) -> float:
    """Return the best time of (m, k) × (k, n) over the layouts that a program can choose."""
    left = torch.randn(m, k, device=device).bfloat16()
    right = torch.randn(k, n, device=device).bfloat16()
    out = torch.empty(m, n, device=device, dtype=torch.bfloat16)
    turned_left, turned_right = left.T.contiguous().T, right.T.contiguous().T
    pairs = [(left, right), (left, turned_right), (turned_left, right)]
    best = min(_best(lambda a=a, b=b: torch.mm(a, b, out=out)) for a, b in pairs)
    if n > 16 * k:  # many outputs of short sums: pieces of them stay in the cache

        def pieces() -> None:
            for start in range(0, m, PIECE):
                torch.mm(left[start : start + PIECE], turned_right, out=out[:PIECE])

        if m % PIECE == 0:
            best = min(best, _best(pieces))
    return best


def _best(once: Callable[[], Any]) -> float:
    once()
    seconds = []
    for _ in range(REPETITIONS):
        began = time.perf_counter()
        once()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _states_dtype(device: torch.device) -> torch.dtype:
    """Return the type that a language model's hidden states have while it trains."""
    sizes = {"emb_sz": 8, "n_hid": 8, "n_layers": 1}
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 16, 1.0, sizes)
    model = LanguageModel(config).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        return model(torch.full((2, 3), 9, device=device), None).hidden.dtype
