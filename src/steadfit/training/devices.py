"""Where and in which precision products are computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@contextmanager
def precision(device: torch.device, bf16: bool) -> Iterator[None]:
    """Compute products in bfloat16 inside the block if `bf16`; weights and sums stay float32.

    PyTorch's cache of weights in bfloat16 is not used: all threads share it, and one that leaves
    its block empties it for all, which would change how another's gradients are added up.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16, cache_enabled=False):
        yield


def generator_on(device: torch.device | None, *seed: int) -> Generator:
    """Make a random number generator apart from all others, for tensors on `device`.

    None is the device on which tensors are made by default.
    """
    place = torch.empty(0).device if device is None else device
    return Generator(place).manual_seed(mix_seed(*seed))


def mix_seed(*parts: int) -> int:
    """Make one 63-bit seed of several numbers; neighbouring parts give unrelated seeds."""
    import numpy as np

    state = np.random.SeedSequence([part & (2**63 - 1) for part in parts]).generate_state(
        1, np.uint64
    )
    return int(state[0]) >> 1


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's weights."""
    return next(model.parameters()).device


def to_device(batch: Any, device: torch.device) -> Any:
    """Return a named tuple of tensors with each tensor on `device`."""
    if device.type == "cpu":
        return batch
    return type(batch)(*(x.to(device) if isinstance(x, Tensor) else x for x in batch))
