"""In which numbers a classifier reads: float32, bfloat16 or int8."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from steadfit.core.errors import DataError
from steadfit.kernels.precision import has_fast_bf16, products_in_bf16
from steadfit.models.classifier import TextClassifier
from steadfit.models.int8 import in_int8

ENGINES = ("auto", "float32", "bf16", "int8")


class Engine:
    """A classifier made ready to read in some precision.

    `auto` is bfloat16 where the device is fast at it, else float32. int8 is faster still, on CPUs
    with AVX2 or better, but its probabilities differ more from float32's: it has to be asked for.
    With each of them a document alone gets what it gets in any batch, but for the last digits: the
    head's products of one row and of many are rounded differently, by less than 1e-6.

    Args:
        model: in evaluation mode. In int8 its weights are copied as they are now; otherwise
            changes to them count at once.
        name: one of `ENGINES`.

    Raises:
        DataError: no such engine; or int8 where it cannot run, or for a model it cannot hold (see
            `steadfit.models.int8.in_int8`).
    """

    def __init__(self, model: TextClassifier, name: str = "auto") -> None:
        if name not in ENGINES:
            raise DataError(f"engine is {name!r}; accepted are {', '.join(ENGINES)}.")
        self._device = _device(model)
        if name == "auto":
            name = automatic_engine(self._device)
        self.name = name
        self.model = in_int8(model) if name == "int8" else model

    @contextmanager
    def reading(self) -> Iterator[TextClassifier]:
        """Yield the model to call inside the block, on tensors of its device."""
        with torch.inference_mode(), products_in_bf16(self._device, self.name != "float32"):
            yield self.model

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._device


def automatic_engine(device: torch.device) -> str:
    """Return which engine `auto` is on a device."""
    return "bf16" if has_fast_bf16(device) else "float32"


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
