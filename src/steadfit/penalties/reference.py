"""The penalties as plain float64 loops that read like the papers; the rest must equal them.

States have shape (batch, time, units); `lengths` are the real steps of each row, padding behind.
Autograd goes through, except at zero states, where the root of the norm has no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def activation_regularization(dropped: Tensor, alpha: float, lengths: Sequence[int]) -> Tensor:
    """alpha · L2(m ⊙ h_t), the mean over real steps and units (Merity et al., 2017)."""
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    for row, length in zip(dropped.double(), lengths, strict=True):
        for t in range(length):
            for value in row[t]:
                total = total + value**2
                count += 1
    return alpha * total / count if count else total


def temporal_activation_regularization(h: Tensor, beta: float, lengths: Sequence[int]) -> Tensor:
    """beta · L2(h_t − h_{t−1}), the mean over real pairs and units (Merity et al., 2017)."""
    total = torch.zeros((), dtype=torch.float64)
    count = 0
    for row, length in zip(h.double(), lengths, strict=True):
        for t in range(1, length):
            for now, before in zip(row[t], row[t - 1], strict=True):
                total = total + (now - before) ** 2
                count += 1
    return beta * total / count if count else total


def norm_stabilizer(h: Tensor, beta: float, lengths: Sequence[int]) -> Tensor:
    """beta · (1/n) Σ_t (‖h_t‖₂ − ‖h_{t−1}‖₂)², the mean over rows (Krueger & Memisevic, 2016)."""
    rows = torch.zeros((), dtype=torch.float64)
    for row, length in zip(h.double(), lengths, strict=True):
        total = torch.zeros((), dtype=torch.float64)
        pairs = 0
        for t in range(1, length):
            norm = sum(value**2 for value in row[t]) ** 0.5
            norm_before = sum(value**2 for value in row[t - 1]) ** 0.5
            total = total + (norm - norm_before) ** 2
            pairs += 1
        if pairs:
            rows = rows + total / pairs
    return beta * rows / len(lengths)
