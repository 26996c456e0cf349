"""Weights in fewer bytes: in float16, or the matrices of LSTMs in int8."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from steadfit.core.checks import shown
from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.tensors import without_ties

Numbers = Literal["float32", "float16", "int8"]
NUMBERS: tuple[Numbers, ...] = get_args(Numbers)
_LSTM_MATRIX = re.compile(r"(.+\.)?weight_[ih]h_l0")
_SCALES = ".scales"


def packed(tensors: Mapping[str, Tensor], numbers: Numbers) -> dict[str, Tensor]:
    """Return the tensors of a model as they are stored; a tied one under its first name alone.

    - "float32": as they are.
    - "float16": rounded to the nearest float16.
    - "int8": of an LSTM's matrices each row as whole numbers from −127 to 127, and beside them a
      float32 scale for each row, named `NAME.scales`; everything else in float16. Scales of rows,
      because the largest weight of a gate's row says nothing about the others.

    Raises:
        DataError: `numbers` is none of these, or a tensor goes beyond the range of float16.
    """
    if numbers not in NUMBERS:
        raise DataError(f"numbers is {shown(numbers)}; accepted are {', '.join(NUMBERS)}.")
    plain = {name: tensor.detach().cpu() for name, tensor in without_ties(tensors).items()}
    if numbers == "float32":
        return plain
    found: dict[str, Tensor] = {}
    for name, tensor in plain.items():
        if numbers == "int8" and _LSTM_MATRIX.fullmatch(name):
            found[name], found[name + _SCALES] = _rows(tensor)
        else:
            found[name] = _halved(name, tensor) if tensor.is_floating_point() else tensor
    return found


def unpacked(tensors: Mapping[str, Tensor], numbers: Numbers, path: Path) -> dict[str, Tensor]:
    """Return stored tensors in float32, which `path`, the file they stand in, may be wrong about.

    Raises:
        FileFormatError: int8 without the scales of its rows, or scales without int8.
    """
    if numbers == "float32":
        return dict(tensors)
    scales = {name: tensor for name, tensor in tensors.items() if name.endswith(_SCALES)}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_SCALES):
            continue
        if (scale := scales.pop(name + _SCALES, None)) is not None:
            if tensor.dtype != torch.int8 or tensor.ndim != 2 or scale.shape != tensor.shape[:1]:
                raise FileFormatError(
                    f"{path}: {name} and its scales do not fit each other. Take another copy."
                )
            tensor = tensor.float() * scale.float()[:, None]
        found[name] = tensor.float() if tensor.is_floating_point() else tensor
    if scales:
        raise FileFormatError(f"{path} holds {min(scales)} of nothing. Take another copy.")
    return found


def _halved(name: str, tensor: Tensor) -> Tensor:
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise DataError(
            f"{name} holds {tensor.abs().max():g}, and float16 ends at 65504. Save the model with "
            "numbers='float32'."
        )
    return half


def _rows(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return `(rows, columns)` as int8 and `(rows,)` scales; a row of zeros has the scale 1."""
    scales = matrix.float().abs().amax(dim=1) / 127
    scales[scales == 0] = 1
    return (matrix / scales[:, None]).round().clamp(-127, 127).to(torch.int8), scales
