"""The weights of one LSTM layer, by name."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LSTMWeights(NamedTuple):
    """A layer's weights `(4 * units, ...)` in float32, gates in the order of `torch.nn.LSTM`."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor

    @property
    def units(self) -> int:
        """How many hidden outputs."""
        return self.hh.shape[1]

    @property
    def padded(self) -> int:
        """Units filled up to whole tiles."""
        return -(-self.units // 16) * 16
