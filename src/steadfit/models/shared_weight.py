"""An embedding that is looked up window after window, with one gradient for all of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def shared_weight(weight: Tensor) -> Tensor:
    """Return the same numbers as a tensor whose sparse gradients are added up, then made dense.

    Each look-up of `(words, units)` would otherwise fill and add a gradient of that size, however
    few words its window has: for a large vocabulary as much work as the window itself. The gradient
    that reaches `weight` is dense, as ever.
    """
    shared: Tensor = _Shared.apply(weight) if torch.is_grad_enabled() else weight  # type: ignore[no-untyped-call]
    return shared


def is_shared(weight: Tensor) -> bool:
    """Tell whether a tensor came from `shared_weight` and may be given sparse gradients."""
    return type(weight.grad_fn).__name__ == "_SharedBackward"


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (gradient,) = grads
        return gradient.to_dense() if gradient.is_sparse else gradient
