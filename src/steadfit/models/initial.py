"""Layers of PyTorch whose first weights come from a generator of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Generator, nn

Layer = TypeVar("Layer", nn.Embedding, nn.GRU, nn.LSTM, nn.Linear, nn.RNN)


@torch.no_grad()
def drawn(
    kind: Callable[..., Layer], *args: Any, generator: Generator | None, **kwargs: Any
) -> Layer:
    """Make `kind(*args, **kwargs)` and draw its weights from `generator`; None is PyTorch's own.

    Distributions and order are those of PyTorch's constructors, so that a seed gives the weights
    that it gives there. On the meta device nothing is drawn.
    """
    device = torch.empty(0).device  # the constructor's: the default one, or that of a `with` block
    with torch.device("meta"):  # constructors would draw from the generator all threads share
        layer = kind(*args, **kwargs)
    layer.to_empty(device=device)
    if isinstance(layer, nn.Embedding):
        layer.weight.normal_(generator=generator)
        return layer
    # kaiming_uniform_(a=sqrt(5)) has this bound, too.
    width = layer.in_features if isinstance(layer, nn.Linear) else layer.hidden_size
    bound = 1 / math.sqrt(width)
    for parameter in layer.parameters():
        parameter.uniform_(-bound, bound, generator=generator)
    return layer
