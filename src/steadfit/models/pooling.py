"""Concat pooling over a document of any length, by running sums."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.models.outputs import DocumentWindow


class ConcatPool(NamedTuple):
    """Last, largest and mean output of the tokens read so far (Howard & Ruder, 2018, 3.3).

    It holds three rows a document, whatever the documents' length. Sums are float32 at least.
    """

    last: Tensor  # (batch, units)
    largest: Tensor  # (batch, units)
    total: Tensor  # (batch, units)

    @classmethod
    def empty(cls, batch: int, units: int, like: Tensor) -> ConcatPool:
        """Return the pool of documents of which nothing was read yet."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        zeros = torch.zeros(batch, units, dtype=dtype, device=like.device)
        return cls(zeros, torch.full_like(zeros, -torch.inf), zeros)

    def add(self, hidden: Tensor, lengths: Tensor) -> ConcatPool:
        """Return the pool after a window of the first `len(hidden)` documents.

        Args:
            hidden: `(rows, time, units)`, rows at most the documents of this pool.
            lengths: `(rows,)`, real steps of the window, at least one each.
        """
        rows = hidden.shape[0]
        hidden = hidden.to(self.total.dtype)
        steps = torch.arange(hidden.shape[1], device=hidden.device)
        real = (steps < lengths.unsqueeze(1)).unsqueeze(-1)
        ends = (lengths - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
        last = hidden.gather(1, ends).squeeze(1)
        largest = hidden.masked_fill(~real, -torch.inf).amax(dim=1)
        total = hidden.masked_fill(~real, 0).sum(dim=1)
        return ConcatPool(
            torch.cat([last, self.last[rows:]]),
            torch.cat([torch.maximum(largest, self.largest[:rows]), self.largest[rows:]]),
            torch.cat([total + self.total[:rows], self.total[rows:]]),
        )

    def rows(self, rows: slice) -> ConcatPool:
        """Return the pool of some of the documents."""
        return ConcatPool(self.last[rows], self.largest[rows], self.total[rows])

    def followed_by(self, other: ConcatPool) -> ConcatPool:
        """Return the pool of these documents and, behind them, the other ones."""
        return ConcatPool(*(torch.cat(pair) for pair in zip(self, other, strict=True)))

    def result(self, lengths: Tensor) -> Tensor:
        """Return `(batch, 3 * units)`: last, largest, mean over `lengths` tokens."""
        mean = self.total / lengths.unsqueeze(1).to(self.total.dtype)
        return torch.cat([self.last, self.largest, mean], dim=1)


class DocumentPool:
    """Pools the windows of a batch; what it keeps does not grow with the documents.

    Documents that are still read without gradient are pooled apart from the others. In one tensor
    every window of theirs would leave a step in the graph of those that have a gradient.

    Args:
        batch: number of documents.
        units: size of a hidden output.
        like: a tensor of the device and precision of the outputs.
    """

    def __init__(self, batch: int, units: int, like: Tensor) -> None:
        self._old = ConcatPool.empty(batch, units, like)
        self._recent = ConcatPool.empty(0, units, like)

    def add(self, window: DocumentWindow) -> None:
        """Pool one more window; windows come in the order of the text."""
        old = window.old
        if old < len(self._old.last):
            self._recent = self._old.rows(slice(old, None)).followed_by(self._recent)
            self._old = self._old.rows(slice(old))
        if old > 0:
            with torch.no_grad():
                self._old = self._old.add(window.hidden[:old], window.lengths[:old])
        if old < len(window.hidden):
            self._recent = self._recent.add(window.hidden[old:], window.lengths[old:])

    def result(self, lengths: Tensor) -> Tensor:
        """Return `(batch, 3 * units)`: last, largest, mean over `lengths` tokens."""
        return self._old.followed_by(self._recent).result(lengths)
