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

    def add(self, window: DocumentWindow) -> ConcatPool:
        """Return the pool after a window of the first `window.hidden.shape[0]` documents."""
        rows = window.hidden.shape[0]
        hidden = window.hidden.to(self.total.dtype)
        steps = torch.arange(hidden.shape[1], device=hidden.device)
        real = (steps < window.lengths.unsqueeze(1)).unsqueeze(-1)
        ends = (window.lengths - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
        last = hidden.gather(1, ends).squeeze(1)
        largest = hidden.masked_fill(~real, -torch.inf).amax(dim=1)
        total = hidden.masked_fill(~real, 0).sum(dim=1)
        return ConcatPool(
            torch.cat([last, self.last[rows:]]),
            torch.cat([torch.maximum(largest, self.largest[:rows]), self.largest[rows:]]),
            torch.cat([total + self.total[:rows], self.total[rows:]]),
        )

    def result(self, lengths: Tensor) -> Tensor:
        """Return `(batch, 3 * units)`: last, largest, mean over `lengths` tokens."""
        mean = self.total / lengths.unsqueeze(1).to(self.total.dtype)
        return torch.cat([self.last, self.largest, mean], dim=1)
