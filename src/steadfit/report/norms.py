"""How long the hidden state is, far beyond what training reached back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from steadfit.core.checks import whole_number
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


class Norms(NamedTuple):
    """The norm curve of some documents, and their drift."""

    curve: list[float]
    drift: NormDrift


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
    _read(model, batches, curve)
    return curve.means()


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
    drift = _Drift()
    _read(model, batches, drift)
    return drift.mean()


def norms_of(model: nn.Module, batches: Batches) -> Norms:
    """Return what `norm_curve` and `norm_drift` return, from one reading of the documents.

    Args:
        model: as for `norm_curve`.
        batches: documents.

    Raises:
        DataError: no document has 20 tokens, or there are none.
    """
    curve, drift = _Curve(), _Drift()
    _read(model, batches, curve, drift)
    return Norms(curve.means(), drift.mean())


def longest_rows(lengths: ArrayLike, n: int = 64) -> NDArray[np.int64]:
    """Return the places of the `n` longest documents, longest first, ties in their order.

    All places if there are fewer than `n`.

    Raises:
        DataError: `n` is no whole number from 1.
    """
    whole_number("n", n, 1)
    order: NDArray[np.int64] = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    return order[:n]


class _Curve:
    """Sum and count of norms for each step, over all batches."""

    def __init__(self) -> None:
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def begin(self, lengths: Tensor) -> None:
        """Make room for a batch of documents `(documents,)`, longest first."""
        longer = max(int(lengths[0]) - len(self._sums), 0)
        self._sums = np.pad(self._sums, (0, longer))
        self._counts = np.pad(self._counts, (0, longer))

    def add(self, norms: Tensor, steps: Tensor, real: Tensor) -> None:
        """Add norms `(rows, time)` of the documents that still run, at steps `(time,)`."""
        place = steps.numpy()
        self._sums[place] += (norms * real).sum(dim=0).numpy()
        self._counts[place] += real.sum(dim=0).numpy()

    def means(self) -> list[float]:
        if not len(self._sums):
            raise DataError("No documents were given: a norm curve needs at least one.")
        return [float(mean) for mean in self._sums / self._counts]


class _Drift:
    """Sums of norms over the second and the last tenth of each document, batch after batch."""

    def __init__(self) -> None:
        self._whole: list[Tensor] = []
        self._early: list[Tensor] = []
        self._late: list[Tensor] = []

    def begin(self, lengths: Tensor) -> None:
        self._whole.append(lengths)
        self._early.append(torch.zeros(len(lengths), dtype=torch.float64))
        self._late.append(torch.zeros(len(lengths), dtype=torch.float64))

    def add(self, norms: Tensor, steps: Tensor, real: Tensor) -> None:
        rows = len(norms)
        whole = self._whole[-1][:rows].unsqueeze(1)
        tenth = whole // 10
        early = (steps >= tenth) & (steps < 2 * tenth)
        late = (steps >= whole - tenth) & (steps < whole)
        self._early[-1][:rows] += (norms * early).sum(dim=1)
        self._late[-1][:rows] += (norms * late).sum(dim=1)

    def mean(self) -> NormDrift:
        whole, early, late = (
            torch.cat([torch.zeros(0), *some]) for some in (self._whole, self._early, self._late)
        )
        ratios = (late / early)[whole >= SHORTEST].tolist()
        left_out = len(whole) - len(ratios)
        if not ratios:
            raise DataError(
                f"{left_out} documents were given and none has {SHORTEST} tokens, of which a drift "
                "can be measured. Choose longer ones, for example those of longest_rows."
            )
        return NormDrift(sum(ratios) / len(ratios), len(ratios), left_out)


def _read(model: nn.Module, batches: Batches, *readings: _Curve | _Drift) -> None:
    """Read all documents once, and let each of `readings` see the norms."""
    with _evaluating(model) as device:
        for batch in batches.epoch(0):
            batch = to_device(batch, device)
            # Windows come longest document first, so the first rows are always those that run.
            for one in readings:
                one.begin(batch.lengths.cpu().sort(descending=True).values)
            began = 0

            def observe(window: Window) -> None:
                nonlocal began
                norms = torch.linalg.vector_norm(window.hidden.float(), dim=-1).cpu().double()
                time = torch.arange(norms.shape[1])
                real = time < window.lengths.cpu().unsqueeze(1)
                for one in readings:
                    one.add(norms, began + time, real)
                began += len(time)

            model(batch.tokens, batch.lengths, observe)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[torch.device]:
    was_training = model.training
    device = device_of(model)
    model.eval()
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield device
    finally:
        model.train(was_training)
