"""The micro-batches whose gradients make one step, as if they were one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from steadfit.kernels.precision import products_in_bf16
from steadfit.training.devices import device_of, to_device
from steadfit.training.objective import Objective
from steadfit.training.penalty_terms import Sizes


class Summed(NamedTuple):
    """What a group came to; its gradients are added to the model's."""

    loss: Tensor  # nats, without penalties
    penalties: dict[str, Tensor]
    state: Any  # recurrent, for the batch that follows


def grouped(batches: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield `size` batches at a time, at the end those that are left."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


def sizes_of(objective: Objective, group: Sequence[Any]) -> Sizes:
    """Return the sizes of all batches of a group together."""
    sizes = objective.sizes(group[0])
    for batch in group[1:]:
        sizes = sizes.plus(objective.sizes(batch))
    return sizes


def backward(
    objective: Objective,
    group: Sequence[Any],
    sizes: Sizes,
    state: Any,
    bf16: bool,
    generator: Generator,
) -> Summed:
    """Add up loss, penalties and gradients of a group that is read from a recurrent state."""
    device = device_of(objective)
    loss = torch.zeros((), device=device)
    penalties: dict[str, Tensor] = {}
    for batch in group:
        with products_in_bf16(device, bf16):
            result = objective(to_device(batch, device), state, sizes, generator)
        result.total.backward()
        state = result.state
        loss += result.loss.detach()
        for name, value in result.penalties.items():
            penalties[name] = penalties.get(name, 0) + value.detach()
    return Summed(loss, penalties, state)
