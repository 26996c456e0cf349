"""The dropouts of an AWD-LSTM and its head, as functions of their input.

Masks are drawn inside the call and kept nowhere, so a module has no state between calls. Each comes
from the generator that the call is given; None is PyTorch's own, which all threads share.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def keep_mask(shape: Sequence[int], p: float, like: Tensor, generator: Generator | None) -> Tensor:
    """Draw a mask: 0 with probability `p`, else 1 / (1 - p), on the device and dtype of `like`."""
    mask = torch.empty(shape, dtype=like.dtype, device=like.device)
    return mask.bernoulli_(1 - p, generator=generator).div_(1 - p)


def dropout(x: Tensor, p: float, training: bool, generator: Generator | None = None) -> Tensor:
    """Drop single numbers; the rest is scaled by 1 / (1 - p)."""
    if not training or p == 0:
        return x
    return x * keep_mask(x.shape, p, x, generator)


def locked_dropout(
    x: Tensor, p: float, training: bool, generator: Generator | None = None
) -> Tensor:
    """Drop the same units of a row at every step (Gal & Ghahramani, 2016).

    Args:
        x: `(batch, time, units)`.
        p: probability to drop a unit; the rest is scaled by 1 / (1 - p).
        training: without it `x` comes back as it is.
        generator: draws the mask.
    """
    if not training or p == 0:
        return x
    return x * keep_mask((x.shape[0], 1, x.shape[2]), p, x, generator)


def weight_dropout(
    weight: Tensor, p: float, training: bool, generator: Generator | None = None
) -> Tensor:
    """Drop single weights: DropConnect on hidden-to-hidden weights (Merity et al., 2017, 2)."""
    return dropout(weight, p, training, generator)


def embedding_dropout(
    weight: Tensor,
    tokens: Tensor,
    p: float,
    training: bool,
    padding_idx: int,
    generator: Generator | None = None,
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
        generator: draws the mask.
    """
    embedded = F.embedding(tokens, weight, padding_idx)
    if not training or p == 0:
        return embedded
    keep = keep_mask(weight.shape[:1], p, weight, generator)
    return embedded * keep[tokens].unsqueeze(-1)
