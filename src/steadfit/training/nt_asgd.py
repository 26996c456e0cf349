"""SGD whose weights are averaged from where it stops getting better: NT-ASGD.

Merity et al., 2017, section 3, algorithm 1. The switch is looked for after each epoch; from there
the mean of the weights is validated, and a fit ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch.optim import Optimizer

from steadfit.core.errors import DataError

NONMONO = 5
OPTIMIZERS = ("adamw", "sgd", "asgd", "nt-asgd")


def triggered(losses: Sequence[float], nonmono: int = NONMONO) -> bool:
    """Tell whether averaging begins, now that the last of the validation `losses` is known.

    It does when that one is worse than the best of those before, the `nonmono` newest of them left
    out: so long must nothing have been gained.
    """
    *before, now = losses
    compared = before[: max(len(before) - nonmono, 0)]
    return bool(compared) and now > min(compared)


@contextmanager
def averaged(optimizer: Optimizer) -> Iterator[None]:
    """Let the model have the mean of its weights inside the block, if the optimizer keeps one.

    Buffers, such as the running figures of batch normalisation, stay those of the last step.
    """
    pairs = [(p, held["ax"]) for p, held in optimizer.state.items() if "ax" in held]
    with torch.no_grad():
        kept = [weight.clone() for weight, _ in pairs]
        for weight, mean in pairs:
            weight.copy_(mean)
    try:
        yield
    finally:
        with torch.no_grad():
            for (weight, _), value in zip(pairs, kept, strict=True):
                weight.copy_(value)


@torch.no_grad()
def take_average(optimizer: Optimizer) -> None:
    """Give the model the mean of its weights for good, if the optimizer keeps one."""
    for weight, held in optimizer.state.items():
        if "ax" in held:
            weight.copy_(held["ax"])


def first_kind(name: str) -> str:
    """Return the kind of optimizer that a fit with the optimizer `name` begins with."""
    return "sgd" if name == "nt-asgd" else name


def optimizer_named(name: str) -> str:
    """Return the name of an optimizer.

    Raises:
        DataError: there is no such optimizer.
    """
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise DataError(f"optimizer is {name!r}; accepted are {', '.join(OPTIMIZERS)}.")
    return name
