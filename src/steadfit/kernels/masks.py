"""Masks of dropout, drawn from a generator that is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from steadfit.kernels.native_library import at, library


def keep_mask(shape: Sequence[int], p: float, like: Tensor, generator: Generator | None) -> Tensor:
    """Draw a mask: 0 with probability `p`, else 1 / (1 - p), on the device and dtype of `like`."""
    mask = torch.empty(shape, dtype=like.dtype, device=like.device)
    return mask.bernoulli_(1 - p, generator=generator).div_(1 - p)


class BitMask(NamedTuple):
    """Which numbers of a matrix are kept: a bit each, rows filled up to whole words."""

    bits: Tensor  # (rows, words) int32, the lowest bit first
    scale: float  # of the numbers that are kept

    def dense(self, columns: int) -> Tensor:
        """Return the mask as `keep_mask` would, `(rows, columns)` in float32."""
        places = torch.arange(32, dtype=torch.int32)
        kept = (self.bits.unsqueeze(-1) >> places) & 1
        return kept.flatten(1)[:, :columns].float() * self.scale


def bit_mask(rows: int, columns: int, p: float, generator: Generator | None) -> BitMask:
    """Draw a mask by the native kernel, in a thirty-second of the memory of `keep_mask`.

    The generator gives a seed of 62 bits; numbers are made of it by Philox 4 x 32 with ten rounds
    (Salmon et al., 2011, "Parallel Random Numbers: As Easy as 1, 2, 3").
    """
    words = -(-columns // 32)
    bits = torch.empty(rows, words, dtype=torch.int32, device="cpu")
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
    threshold = min(round((1 - p) * 2**32), 2**32 - 1)
    library().steadfit_random_bits(seed, threshold, rows * words, at(bits), torch.get_num_threads())
    return BitMask(bits, 1 / (1 - p))
