"""The three dropouts of an AWD-LSTM, as functions of their input.

Masks are drawn inside the call and kept nowhere, so a module has no state between calls.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def locked_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Drop the same units of a row at every step (Gal & Ghahramani, 2016).

    Args:
        x: `(batch, time, units)`.
        p: probability to drop a unit; the rest is scaled by 1 / (1 - p).
        training: without it `x` comes back as it is.
    """
    if not training or p == 0:
        return x
    return x * F.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), p)


def weight_dropout(weight: Tensor, p: float, training: bool) -> Tensor:
    """Drop single weights: DropConnect on hidden-to-hidden weights (Merity et al., 2017, 2)."""
    return F.dropout(weight, p, training)


def embedding_dropout(
    weight: Tensor, tokens: Tensor, p: float, training: bool, padding_idx: int
) -> Tensor:
    """Look tokens up in an embedding of which whole words are dropped (Merity et al., 4.3).

    A word is dropped at all its places in the batch. The mask has one number a word, not one
    a weight.

    Args:
        weight: `(words, units)`.
        tokens: `(batch, time)`.
        p: probability to drop a word.
        training: without it, a plain look-up.
        padding_idx: the word whose row gets no gradient.
    """
    embedded = F.embedding(tokens, weight, padding_idx)
    if not training or p == 0:
        return embedded
    keep = F.dropout(weight.new_ones(weight.shape[0]), p)
    return embedded * keep[tokens].unsqueeze(-1)
