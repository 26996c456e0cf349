"""Where tensors are, and generators of random numbers of a fit's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn


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
