"""The softmax of a training step over a part of the vocabulary: faster, and an estimate.

Jean et al. (2015, section 3) and Bengio & Senécal (2008): words are drawn, and the logit of each is
lowered by the logarithm of the chance that it is among them, so that the sum over those drawn
stands for the sum over all.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Generator, Tensor, nn

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError
from steadfit.kernels.linear_cross_entropy import linear_cross_entropy


class SampledSoftmax(nn.Module):
    """Cross-entropy against the commonest words, the batch's own targets, and words drawn evenly.

    Where these are all words, it is the plain cross-entropy. Its value is an estimate, so judging a
    model takes the whole vocabulary (`LanguageModelObjective.score` does).

    Args:
        counts: (words,), how often each stands in the text that is learned from.
        common: so many of the commonest are in every step.
        drawn: so many of the others are drawn for each step.

    Raises:
        DataError: counts that are negative or all zero, or numbers of words that are none.
    """

    counts: Tensor
    is_common: Tensor
    others: Tensor

    def __init__(self, counts: ArrayLike, common: int = 2_048, drawn: int = 2_048) -> None:
        super().__init__()
        there = np.ascontiguousarray(counts, np.float64)
        if there.ndim != 1 or (there < 0).any() or not there.sum() > 0:
            raise DataError("counts must be one number for each word, none negative, not all zero.")
        self.common = min(whole_number("common", common, 0), len(there))
        self.drawn = min(whole_number("drawn", drawn, 1), len(there) - self.common)
        order = np.argsort(-there, kind="stable")
        is_common = np.zeros(len(there), bool)
        is_common[order[: self.common]] = True
        self.register_buffer("counts", torch.from_numpy(there), persistent=False)
        self.register_buffer("is_common", torch.from_numpy(is_common), persistent=False)
        others = torch.from_numpy(np.sort(order[self.common :]))
        self.register_buffer("others", others, persistent=False)

    def forward(
        self, decoder: nn.Linear, outputs: Tensor, targets: Tensor, generator: Generator | None
    ) -> Tensor:
        """Return the summed cross-entropy in nats, estimated.

        Args:
            decoder: (units → words).
            outputs: (batch, time, units).
            targets: (batch, time), word numbers.
            generator: draws the words; None is PyTorch's own.
        """
        words = self.candidates(targets, generator)
        chance = self.chances(words, targets.numel())
        weight = decoder.weight.index_select(0, words)
        shift = -chance.log().to(weight.dtype)
        bias = shift if decoder.bias is None else decoder.bias.index_select(0, words) + shift
        places = torch.searchsorted(words, targets.flatten())
        return linear_cross_entropy(outputs.flatten(0, 1), weight, bias, places)

    def candidates(self, targets: Tensor, generator: Generator | None) -> Tensor:
        """Return the words of a step, sorted: common ones, targets, and those drawn."""
        among = self.is_common.clone()
        among[targets.flatten()] = True
        device = "cpu" if generator is None else generator.device
        drawn = torch.randperm(len(self.others), generator=generator, device=device)[: self.drawn]
        among[self.others[drawn.to(among.device)]] = True
        return among.nonzero().squeeze(1)

    def chances(self, words: Tensor, targets: int) -> Tensor:
        """Return how likely each word was to be a candidate, in a batch of so many targets."""
        counts = self.counts[words]
        absent = (1 - counts / self.counts.sum()).pow(targets)
        absent = absent * (1 - self.drawn / max(1, len(self.others)))
        return torch.where(self.is_common[words], 1.0, 1 - absent)

    def settings(self) -> dict[str, Any]:
        """Return what decides which words are drawn, as plain JSON values."""
        counts = hashlib.blake2b(self.counts.cpu().numpy().tobytes(), digest_size=16).hexdigest()
        return {"common": self.common, "drawn": self.drawn, "counts": counts}
