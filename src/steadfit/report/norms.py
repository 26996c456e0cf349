"""How long the hidden state is, far beyond what training reached back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.training.devices import device_of, to_device
from steadfit.training.evaluation import Batches

SHORTEST = 20  # tokens: below, a tenth of a document is a single step


class NormDrift(NamedTuple):
    """How much longer the hidden state is at the end of a document than near its start."""

    ratio: float  # mean over documents; 1 is steady
    documents: int  # that were measured
    left_out: int  # documents of fewer than 20 tokens


class Window(Protocol):
    """What a model hands to `observe`: `hidden` (rows, time, units) and `lengths` (rows,)."""

    @property
    def hidden(self) -> Tensor: ...

    @property
    def lengths(self) -> Tensor: ...


def norm_curve(model: nn.Module, batches: Batches) -> list[float]:
    """Return the mean ‖h_t‖₂ over the documents that still run at step t, for each t.

    h_t is the un-dropped output of the last layer, read in evaluation mode and float32 without
    gradient; kept are a sum and a count for each step (Krueger & Memisevic, 2016).

    Args:
        model: a `TextClassifier`: its forward takes `(tokens, lengths, observe)`.
        batches: documents; those of `longest_rows` reach furthest.

    Raises:
        DataError: there are no documents.
    """
    curve = _Curve()
    with _reading(model) as device:
        for batch in batches.epoch(0):
            batch = to_device(batch, device)
            curve.begin = 0
            model(batch.tokens, batch.lengths, curve.add)
    if not len(curve.sums):
        raise DataError("No documents were given: a norm curve needs at least one.")
    return [float(mean) for mean in curve.sums / curve.counts]


def norm_drift(model: nn.Module, batches: Batches) -> NormDrift:
    """Divide the mean norm over each document's last tenth by that over its second tenth.

    In the first tenth the state still grows from zero. A tenth is the length divided by ten,
    rounded down; documents of fewer than 20 tokens are left out, and counted. Memory does not
    grow with the length of documents.

    Args:
        model: as for `norm_curve`.
        batches: documents.

    Raises:
        DataError: no document has 20 tokens.
    """
    ratios: list[float] = []
    left_out = 0
    with _reading(model) as device:
        for batch in batches.epoch(0):
            batch = to_device(batch, device)
            tenths = _Tenths(batch.lengths.cpu())
            model(batch.tokens, batch.lengths, tenths.add)
            long = tenths.whole >= SHORTEST
            ratios += (tenths.late / tenths.early)[long].tolist()
            left_out += int((~long).sum())
    if not ratios:
        raise DataError(
            f"{left_out} documents were given and none has {SHORTEST} tokens, of which a drift "
            "can be measured. Choose longer ones, for example those of longest_rows."
        )
    return NormDrift(sum(ratios) / len(ratios), len(ratios), left_out)


def longest_rows(lengths: ArrayLike, n: int = 64) -> NDArray[np.int64]:
    """Return the places of the `n` longest documents, longest first, ties in their order.

    All places if there are fewer than `n`.

    Raises:
        DataError: `n` is below 1.
    """
    if n < 1:
        raise DataError(f"n={n}: the number of longest documents must be 1 or more.")
    order: NDArray[np.int64] = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    return order[:n]


class _Curve:
    """Sum and count of norms for each step, over all batches."""

    def __init__(self) -> None:
        self.begin = 0  # steps of this batch before the next window
        self.sums: NDArray[np.float64] = np.zeros(0)
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def add(self, window: Window) -> None:
        norms, real = _norms(window)
        end = self.begin + norms.shape[1]
        longer = max(end - len(self.sums), 0)
        self.sums = np.pad(self.sums, (0, longer))
        self.counts = np.pad(self.counts, (0, longer))
        self.sums[self.begin : end] += (norms * real).sum(dim=0).numpy()
        self.counts[self.begin : end] += real.sum(dim=0).numpy()
        self.begin = end


class _Tenths:
    """Sums of norms over the second and the last tenth of each document of a batch."""

    def __init__(self, lengths: Tensor) -> None:
        # Windows come longest document first, so the first rows are always the ones that run.
        self.whole = lengths.sort(descending=True).values
        self.begin = 0
        self.early = torch.zeros(len(lengths), dtype=torch.float64)
        self.late = torch.zeros(len(lengths), dtype=torch.float64)

    def add(self, window: Window) -> None:
        norms, _ = _norms(window)
        rows, width = norms.shape
        steps = torch.arange(self.begin, self.begin + width)
        whole = self.whole[:rows].unsqueeze(1)
        tenth = whole // 10
        self.early[:rows] += (norms * ((steps >= tenth) & (steps < 2 * tenth))).sum(dim=1)
        self.late[:rows] += (norms * ((steps >= whole - tenth) & (steps < whole))).sum(dim=1)
        self.begin += width


def _norms(window: Window) -> tuple[Tensor, Tensor]:
    """Return norms in float64 and which of them are real, both `(rows, time)`."""
    norms = torch.linalg.vector_norm(window.hidden.float(), dim=-1).cpu().double()
    return norms, torch.arange(norms.shape[1]) < window.lengths.cpu().unsqueeze(1)


@contextmanager
def _reading(model: nn.Module) -> Iterator[torch.device]:
    was_training = model.training
    device = device_of(model)
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield device
    finally:
        model.train(was_training)
