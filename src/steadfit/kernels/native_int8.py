"""A stack of LSTM layers in int8 by the native kernels, for predicting; cell states in float32.

Weights have a scale for each gate of each unit, embedded words one each. Hidden outputs lie between
-1 and 1, so they all have the scale 1 / 127. No scale depends on a batch: a row comes out the same
to the bit alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.kernels.native_library import at, library, workspace
from steadfit.kernels.weights import LSTMWeights

_SLACK = 47  # rows that tiles may read behind a matrix; what is there does not matter
_HIDDEN = 1 / 127


class Words(NamedTuple):
    """An embedding in int8."""

    table: Tensor  # (words, filled units) int8
    scales: Tensor  # (words,) float32: what 1 is worth


class Layer(NamedTuple):
    """An LSTM layer's weights as tiles of int8."""

    ih: Tensor  # tiles
    hh: Tensor
    ih_scales: Tensor  # (4 * padded,)
    hh_scales: Tensor
    bias: Tensor  # (4 * padded,)
    units: int


def quantize_words(weight: Tensor) -> Words:
    """Round an embedding `(words, units)` row by row."""
    scales = weight.detach().abs().amax(dim=1).clamp(min=1e-30) / 127
    table = weight.new_zeros(len(weight), _filled(weight.shape[1]), dtype=torch.int8)
    table[:, : weight.shape[1]] = (weight.detach() / scales.unsqueeze(1)).round()
    return Words(table, scales)


def quantize_layer(weights: LSTMWeights, first: bool) -> Layer:
    """Round a layer's weights; the `first` layer reads words, the others hidden outputs."""
    ih, ih_scales = _tiles(weights.ih, by_units=False)
    hh, hh_scales = _tiles(weights.hh, by_units=True)
    bias = _by_gate((weights.bias_ih + weights.bias_hh).detach(), weights.padded).flatten()
    if not first:
        ih_scales = ih_scales * _HIDDEN
    return Layer(ih, hh, ih_scales, hh_scales * _HIDDEN, bias.contiguous(), weights.units)


@torch.no_grad()
def lstm_stack_int8(
    tokens: Tensor, words: Words, layers: Sequence[Layer], state: Sequence[tuple[Tensor, Tensor]]
) -> tuple[Tensor, tuple[tuple[Tensor, Tensor], ...]]:
    """Read a window `(batch, time)` of words.

    Args:
        tokens: word numbers.
        words: the embedding.
        layers: from the first to the last.
        state: `(h, c)` of each layer, each `(batch, units)` in float32.

    Returns:
        The last layer's outputs `(batch, time, units)` in float32, and the state of each layer.
    """
    batch, steps = tokens.shape
    if not tokens.numel():  # tiles of no row are a fault to the processor
        return workspace(batch, steps, layers[-1].units), tuple((h, c) for h, c in state)
    threads = torch.get_num_threads()
    flat = tokens.T.reshape(-1)
    rows = workspace(len(flat) + _SLACK, words.table.shape[1], dtype=torch.int8)
    torch.index_select(words.table, 0, flat, out=rows[: len(flat)])
    row_scales: Tensor | None = words.scales[flat]
    after = []
    output = workspace(batch, steps, layers[-1].units)
    for layer, (h0, c0) in zip(layers, state, strict=True):
        units, padded = layer.units, len(layer.bias) // 4
        gates = workspace(len(flat), 4 * padded, dtype=torch.bfloat16)
        library().steadfit_project_int8(
            at(rows), len(flat), rows.shape[1], at(row_scales), at(layer.ih), at(layer.ih_scales),
            padded, at(gates), threads,
        )  # fmt: skip
        h = workspace((steps + 1) * batch + _SLACK, _filled(padded), dtype=torch.int8).zero_()
        h[:batch, :units] = (h0 / _HIDDEN).round().clamp(-127, 127)
        c = workspace(batch, padded)
        c[:, units:] = 0
        c[:, :units] = c0
        last = layer is layers[-1]
        library().steadfit_lstm_forward_int8(
            steps, batch, padded, units, at(layer.hh), at(layer.hh_scales), at(layer.bias),
            at(gates), at(h), at(c), at(output) if last else None, output.stride(0),
            output.stride(1), threads,
        )  # fmt: skip
        rows, row_scales = h[batch:], None
        h_last = h[steps * batch : (steps + 1) * batch, :units].float() * _HIDDEN
        after.append((h_last, c[:, :units].clone()))
    return output, tuple(after)


def _filled(units: int) -> int:
    return -(-units // 64) * 64


def _by_gate(weight: Tensor, padded: int) -> Tensor:
    """Return `(4, padded, ...)`, filled up with zeros."""
    units = weight.shape[0] // 4
    filled = weight.new_zeros(4, padded, *weight.shape[1:])
    filled[:, :units] = weight.view(4, units, *weight.shape[1:])
    return filled


def _tiles(weight: Tensor, by_units: bool) -> tuple[Tensor, Tensor]:
    """Return a weight as pairs of tiles, perhaps gates of 16 units together, and its scales."""
    weight = weight.detach()
    padded = -(-(weight.shape[0] // 4) // 16) * 16
    scales = weight.abs().amax(dim=1).clamp(min=1e-30) / 127
    whole = (weight / scales.unsqueeze(1)).round().to(torch.int8)
    filled = weight.new_zeros(4, padded, _filled(weight.shape[1]), dtype=torch.int8)
    filled[:, :, : weight.shape[1]] = _by_gate(whole, padded)
    # (gate, block of units, unit, tile of depth, row of the tile, four neighbours)
    pieces = filled.view(4, padded // 16, 16, -1, 16, 4)
    if by_units:
        # (block, pair of gates, tile of depth, gate of the pair, row, unit, four)
        pieces = pieces.view(2, 2, padded // 16, 16, -1, 16, 4).permute(2, 0, 4, 1, 5, 3, 6)
    else:
        pieces = filled.view(4 * padded // 32, 2, 16, -1, 16, 4).permute(0, 3, 1, 4, 2, 5)
    return pieces.contiguous(), _by_gate(scales, padded).flatten()
