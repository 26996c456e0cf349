"""Softmax cross-entropy over a large vocabulary without ever holding all logits."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from steadfit.core.errors import DataError
from steadfit.kernels.choose import uses_native
from steadfit.kernels.native_cross_entropy import native_cross_entropy, row_scores
from steadfit.kernels.precision import multiplies_bf16

CHUNK_BYTES = 16 * 2**20  # logits held at a time: what stays in a processor cache
# The weight's gradient is read and written once a chunk, so that small ones take longer: so many
# rows where that takes at most four times the bytes.
CHUNK_ROWS = 256


class TokenScores(NamedTuple):
    """How well each target was predicted."""

    losses: Tensor  # (tokens,) nats, float32
    hits: Tensor  # (tokens,) whether the target had the largest logit


def linear_cross_entropy(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> Tensor:
    """Return the summed cross-entropy of `inputs @ weight.T + bias` against `targets`.

    The logits exist one chunk of rows at a time. Gradients are made in the same pass, while a
    chunk's logits are at hand, so nothing is computed twice and nothing but the gradients is
    kept. Products follow autocast; sums are float32. In bfloat16 on the CPU the native kernel
    does it, where it can run; without instructions for bfloat16 products are float32 instead.

    Args:
        inputs: `(tokens, features)`.
        weight: `(words, features)`.
        bias: `(words,)` or None.
        targets: `(tokens,)` word numbers.

    Returns:
        The sum over tokens in nats, a float32 scalar.

    Raises:
        DataError: shapes do not fit together.
    """
    _check(inputs, weight, bias, targets)
    if multiplies_bf16() and uses_native(inputs, weight, bias):
        return native_cross_entropy(inputs, weight, bias, targets)
    dtype = _product_dtype(inputs)
    if not torch.is_grad_enabled():  # inside the function nobody could tell any more
        inputs, weight, bias = (
            inputs.detach(),
            weight.detach(),
            bias if bias is None else bias.detach(),
        )
    loss: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        inputs, weight, bias, targets, dtype
    )
    return loss


@torch.no_grad()
def token_scores(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> TokenScores:
    """Return loss and hit of each token, without gradients; shapes as `linear_cross_entropy`."""
    _check(inputs, weight, bias, targets)
    if uses_native(inputs, weight, bias):
        norms, largest, wanted = row_scores(inputs, weight, bias, targets)
        return TokenScores(norms - wanted, wanted >= largest)
    dtype = _product_dtype(inputs)
    weight = weight.to(dtype)
    losses, hits = [], []
    for rows in _chunks(inputs, weight):
        logits = _logits(inputs[rows].to(dtype), weight, bias)
        wanted = logits.gather(1, targets[rows].unsqueeze(1)).squeeze(1)
        losses.append(logits.logsumexp(dim=1) - wanted)
        hits.append(logits.argmax(dim=1) == targets[rows])
    return TokenScores(torch.cat(losses), torch.cat(hits))


def _check(inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> None:
    """Refuse what the kernels would not notice: they would read behind memory, or spread a row."""
    words, features = weight.shape
    rows = inputs.shape[:1]
    biases = (words,) if bias is None else bias.shape
    if inputs.shape != (*rows, features) or targets.shape != rows or biases != (words,):
        shapes = [None if one is None else tuple(one.shape) for one in (inputs, bias, targets)]
        raise DataError(
            f"Inputs, bias and targets are of shapes {', '.join(map(str, shapes))}; accepted for "
            f"{words} words are (tokens, {features}), ({words},) or None, and (tokens,)."
        )


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        with torch.autocast(inputs.device.type, enabled=False):
            return _forward(ctx, inputs, weight, bias, targets, dtype)

    @staticmethod
    @once_differentiable  # a second derivative is refused instead of taken for zero
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        return (*(g if g is None else g * scale for g in ctx.saved_tensors), None, None)


def _forward(
    ctx: Any,
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    dtype: torch.dtype,
) -> Tensor:
    wants = ctx.needs_input_grad
    d_inputs = torch.empty_like(inputs) if wants[0] else None
    d_weight = torch.zeros_like(weight) if wants[1] else None
    d_bias = torch.zeros_like(bias) if bias is not None and wants[2] else None
    product_weight = weight.to(dtype)
    total = torch.zeros((), dtype=_at_least_float32(dtype), device=inputs.device)
    for rows in _chunks(inputs, weight, 1 if d_weight is None else CHUNK_ROWS):
        x, y = inputs[rows].to(dtype), targets[rows].unsqueeze(1)
        logits = _logits(x, product_weight, bias)
        norm = logits.logsumexp(dim=1, keepdim=True)
        total += (norm - logits.gather(1, y)).sum()
        # d loss / d logits = softmax - one-hot, written over the logits
        d_logits = logits.sub_(norm).exp_()
        d_logits.scatter_add_(1, y, torch.full_like(y, -1, dtype=d_logits.dtype))
        if d_bias is not None:
            d_bias += d_logits.sum(dim=0).to(d_bias.dtype)
        d_product = d_logits.to(dtype)
        if d_inputs is not None:
            d_inputs[rows] = (d_product @ product_weight).to(d_inputs.dtype)
        if d_weight is not None:
            d_weight += (d_product.T @ x).to(d_weight.dtype)
    ctx.save_for_backward(d_inputs, d_weight, d_bias)
    return total


def _logits(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    logits = (x @ weight.T).to(_at_least_float32(x.dtype))
    return logits if bias is None else logits.add_(bias)


def _chunks(inputs: Tensor, weight: Tensor, wanted: int = 1) -> list[slice]:
    most = CHUNK_BYTES // (4 * weight.shape[0])
    rows = max(1, most, min(wanted, 4 * most))
    return [slice(start, start + rows) for start in range(0, max(1, inputs.shape[0]), rows)]


def _product_dtype(inputs: Tensor) -> torch.dtype:
    device = inputs.device.type
    if not torch.is_autocast_enabled(device):
        return inputs.dtype
    dtype = torch.get_autocast_dtype(device)
    if device == "cpu" and dtype == torch.bfloat16 and not multiplies_bf16():
        return _at_least_float32(inputs.dtype)
    return dtype


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
