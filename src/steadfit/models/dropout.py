"""The dropouts of an AWD-LSTM and its head, as functions of their input.

Masks are drawn inside the call and kept nowhere, so a module has no state between calls. Each comes
from the generator that the call is given; None is PyTorch's own, which all threads share.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Generator, Tensor

from steadfit.kernels.masks import keep_mask
from steadfit.models.shared_weight import is_shared


def dropout(x: Tensor, p: float, training: bool, generator: Generator | None = None) -> Tensor:
    """Drop single numbers; the rest is scaled by 1 / (1 - p)."""
    if not training or p == 0:
        return x
    return x * keep_mask(x.shape, p, x, generator)


def locked_mask(
    x: Tensor, p: float, training: bool, generator: Generator | None = None
) -> Tensor | None:
    """Draw which units of a row are dropped at every step (Gal & Ghahramani, 2016).

    Args:
        x: `(batch, time, units)`.
        p: probability to drop a unit; the rest is scaled by 1 / (1 - p).
        training: without it there is no mask.
        generator: draws the mask.

    Returns:
        `(batch, units)`, or None where nothing is dropped.
    """
    if not training or p == 0:
        return None
    return keep_mask((x.shape[0], x.shape[2]), p, x, generator)


def locked_dropout(
    x: Tensor, p: float, training: bool, generator: Generator | None = None
) -> Tensor:
    """Multiply `x` by its `locked_mask`."""
    mask = locked_mask(x, p, training, generator)
    return x if mask is None else x * mask.unsqueeze(1)


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
        weight: `(words, units)`, perhaps as `shared_weight` returned it.
        tokens: `(batch, time)`.
        p: probability to drop a word.
        training: without it, a plain look-up.
        padding_idx: the word whose row gets no gradient.
        generator: draws the mask.
    """
    embedded = F.embedding(tokens, weight, padding_idx, sparse=is_shared(weight))
    if not training or p == 0:
        return embedded
    keep = keep_mask(weight.shape[:1], p, weight, generator)
    return embedded * keep[tokens].unsqueeze(-1)
