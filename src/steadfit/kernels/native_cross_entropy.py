"""Cross-entropy over a large vocabulary in bfloat16 by the native kernels; sums in float32.

Logits are float32 sums of products of bfloat16 numbers and are kept nowhere: the way back makes
them again, one block of words at a time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from steadfit.core.errors import DataError
from steadfit.kernels.native_library import at, library, workspace

_SLACK = 47  # rows that tiles may read behind a matrix; what is there does not matter


class RowScores(NamedTuple):
    """What a softmax over all words needs to know of each row; float32 `(tokens,)`."""

    norms: Tensor  # the logarithm of the sum of exponentials of the logits
    largest: Tensor  # logit
    wanted: Tensor  # the target's logit


def native_cross_entropy(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> Tensor:
    """Compute what `linear_cross_entropy` computes, for float32 weights.

    Raises:
        DataError: a target is no word's number.
    """
    targets = _checked(targets, len(weight))
    loss: Tensor = _CrossEntropy.apply(inputs, weight, bias, targets)  # type: ignore[no-untyped-call]
    return loss


def row_scores(inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> RowScores:
    """Score rows `(tokens, features)` without gradients; raises as `native_cross_entropy`."""
    targets = _checked(targets, len(weight))
    bias = None if bias is None else bias.contiguous()
    return _scores(_filled(inputs), len(inputs), weight.contiguous(), bias, targets)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> Tensor:
        weight, bias = weight.contiguous(), None if bias is None else bias.contiguous()
        x = _filled(inputs)
        scores = _scores(x, len(inputs), weight, bias, targets)
        ctx.save_for_backward(x, weight, bias, targets, scores.norms)
        return (scores.norms - scores.wanted).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, targets, norms = ctx.saved_tensors
        words, features = weight.shape
        wants = ctx.needs_input_grad
        d_x = workspace(len(norms), features) if wants[0] else None
        d_weight = workspace(words, features) if wants[1] else None
        d_bias = torch.empty_like(bias) if wants[2] else None
        library().steadfit_cross_entropy_gradients(
            at(x), len(norms), at(weight), at(bias), words, features, at(targets), at(norms),
            float(scale), at(d_x), at(d_weight), at(d_bias), torch.get_num_threads(),
        )  # fmt: skip
        return d_x, d_weight, d_bias, None


def _checked(targets: Tensor, words: int) -> Tensor:
    """Return targets as the kernels read them: they would not notice a number of no word."""
    least, most = map(int, targets.aminmax())
    if least < 0 or most >= words:
        raise DataError(
            f"Targets are {least} to {most}; accepted are numbers from 0 to {words - 1}."
        )
    return targets.long().contiguous()


def _filled(inputs: Tensor) -> Tensor:
    """Return rows in bfloat16, filled up to whole tiles, with room behind them."""
    rows, features = inputs.shape
    x = workspace(rows + _SLACK, -(-features // 32) * 32, dtype=torch.bfloat16)
    x[:rows, :features] = inputs
    x[:rows, features:] = 0
    return x


def _scores(
    x: Tensor, rows: int, weight: Tensor, bias: Tensor | None, targets: Tensor
) -> RowScores:
    scores = RowScores(*workspace(3, rows).unbind())
    words, features = weight.shape
    library().steadfit_token_scores(
        at(x), rows, at(weight), at(bias), words, features, at(targets),
        *map(at, scores), torch.get_num_threads(),
    )  # fmt: skip
    return scores
