"""Products in bfloat16: where they are fast, and how they are switched on."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from steadfit.kernels.choose import runs_native

CPU = torch.device("cpu")


def has_fast_bf16(device: torch.device = CPU) -> bool:
    """Tell whether networks are faster on the device in bfloat16 than in float32.

    Without instructions for it they are by the native kernels, to which weights and activations
    come in half the room.

    Raises:
        DataError: see `runs_native`.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return multiplies_bf16() or runs_native()


def multiplies_bf16() -> bool:
    """Tell whether this CPU has instructions for products in bfloat16."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@functools.cache
def has_bf16_lstm() -> bool:
    """Tell whether PyTorch has an LSTM layer in bfloat16 for this CPU; on some it raises."""
    one, gates = torch.zeros(1, 1, 1), torch.zeros(4)
    weights = (gates.unsqueeze(1), gates.unsqueeze(1), gates, gates)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            torch.lstm(one, (one, one), weights, True, 1, 0.0, False, False, True)
    except RuntimeError:
        return False
    return True


@contextmanager
def lstm_inputs(inputs: Tensor) -> Iterator[Tensor]:
    """Yield the inputs for PyTorch's LSTM layer, which is to be called inside the block.

    Where it has none in bfloat16 and autocast asks for that, they are float32, outside autocast.
    """
    on_cpu = inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if not on_cpu or torch.get_autocast_dtype("cpu") != torch.bfloat16 or has_bf16_lstm():
        yield inputs
        return
    with torch.autocast("cpu", enabled=False):
        yield inputs.float()


@contextmanager
def products_in_bf16(device: torch.device, on: bool) -> Iterator[None]:
    """Compute products in bfloat16 inside the block if `on`; weights and sums stay float32.

    PyTorch's cache of weights in bfloat16 is not used: all threads share it, and one that leaves
    its block empties it for all, which would change how another's gradients are added up.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=on, cache_enabled=False):
        yield
