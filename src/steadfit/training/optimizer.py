"""AdamW, SGD or averaged SGD over layer groups, each with its own learning rate; freezing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from steadfit.core.checks import LARGEST, whole_number
from steadfit.core.errors import DataError
from steadfit.training.schedules import Momenta, Point

Groups = Sequence[Sequence[nn.Module]]
Rate = float | slice
BETA_2 = 0.99  # fastai's second Adam coefficient
EPS = 1e-8


def freeze_to(groups: Groups, n: int) -> None:
    """Let only the layer groups from number `n` on train; negative numbers count from the end.

    Raises:
        DataError: there is no group of that number.
    """
    if not -len(groups) <= whole_number("n", n, -LARGEST) < len(groups):
        raise DataError(
            f"freeze_to({n}): this model has {len(groups)} layer groups; accepted are "
            f"{-len(groups)} to {len(groups) - 1}."
        )
    first = n % len(groups)
    for number, group in enumerate(groups):
        for module in group:
            for parameter in module.parameters():
                parameter.requires_grad_(number >= first)


def layer_rates(lr: Rate, n_groups: int) -> list[float]:
    """Return the largest learning rate of each layer group (Howard & Ruder, 2018, 3.2).

    A number serves all groups. `slice(b)` gives the last group b and the others b / 10;
    `slice(a, b)` spreads from a to b with a constant factor, as fastai does.
    """
    if not isinstance(lr, slice):
        return [_positive(lr)] * n_groups
    if lr.stop is None or lr.step is not None:
        raise DataError(f"lr is {lr}; accepted are a number, slice(b) and slice(a, b).")
    stop = _positive(lr.stop)
    if lr.start is None:
        return [stop / 10] * (n_groups - 1) + [stop]
    start = _positive(lr.start)
    if n_groups == 1:
        return [stop]
    factor = (stop / start) ** (1 / (n_groups - 1))
    return [start * factor**i for i in range(n_groups)]


def plain_rate(lr: Rate) -> Rate:
    """Return a rate in Python's numbers; `layer_rates` says which are accepted."""
    if not isinstance(lr, slice):
        return _positive(lr)
    start, stop = (None if one is None else _positive(one) for one in (lr.start, lr.stop))
    return slice(start, stop, lr.step)


def make_optimizer(groups: Groups, lr: Rate, wd: float, kind: str = "adamw") -> Optimizer:
    """Build an optimizer; only parameters that train are in it, each once.

    Each layer group has its own rate, kept as `max_lr`.

    Args:
        groups: the layer groups.
        lr: see `layer_rates`.
        wd: for "adamw" decoupled decay of all weights but biases and norms; for the others, as in
            AWD-LSTM, an L2 term in the gradient of every parameter.
        kind: "adamw", "sgd" (without momentum) or "asgd" (the same, with the mean of the weights
            kept from the second step on, as `torch.optim.ASGD` does with `t0=0, lambd=0`).

    Raises:
        DataError: everything is frozen, or a rate is not a positive number.
    """
    settings = _settings(groups, lr, wd, spare_vectors=kind == "adamw")
    if not settings:
        raise DataError("Every layer is frozen, so there is nothing to train; call unfreeze().")
    if kind == "asgd":
        return torch.optim.ASGD(settings, t0=0, lambd=0.0)
    if kind == "sgd":
        return torch.optim.SGD(settings)
    return torch.optim.AdamW(settings, betas=(0.9, BETA_2), eps=EPS, fused=True)


def move_to(optimizer: Optimizer, point: Point) -> None:
    """Set every group's rate, and AdamW's momentum, for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = group["max_lr"] * point.rate
        if "betas" in group:
            group["betas"] = (point.momentum, BETA_2)
        elif isinstance(optimizer, torch.optim.ASGD):
            # It would take this rate one step later: at the end of each step it works out the
            # next one's from the group's.
            for parameter in group["params"]:
                if parameter in optimizer.state:
                    optimizer.state[parameter]["eta"].fill_(group["lr"])


def rate_and_momentum(optimizer: Optimizer) -> tuple[float, float]:
    """Return what the last layer group is set to; SGD has the momentum zero."""
    last = optimizer.param_groups[-1]
    return last["lr"], last["betas"][0] if "betas" in last else 0.0


def check_momenta(moms: Sequence[float]) -> Momenta:
    """Return `moms` as a pair of numbers in [0, 1)."""
    if not isinstance(moms, Sequence) or len(moms) != 2 or not all(map(_is_share, moms)):
        raise DataError(
            f"moms is {moms!r}; accepted is a pair (high, low) of numbers in [0, 1), such as "
            "(0.8, 0.7). (fastai 2 takes three numbers; leave the last one out.)"
        )
    return float(moms[0]), float(moms[1])


def _settings(groups: Groups, lr: Rate, wd: float, spare_vectors: bool) -> list[dict[str, Any]]:
    settings: list[dict[str, Any]] = []
    seen: set[int] = set()
    for group, rate in zip(groups, layer_rates(lr, len(groups)), strict=True):
        kinds: dict[float, list[nn.Parameter]] = {wd: [], 0.0: []}
        for module in group:
            for parameter in module.parameters():
                if parameter.requires_grad and id(parameter) not in seen:
                    seen.add(id(parameter))
                    spared = spare_vectors and parameter.ndim <= 1
                    kinds[0.0 if spared else wd].append(parameter)
        settings += [
            {"params": parameters, "max_lr": rate, "lr": rate, "weight_decay": decay}
            for decay, parameters in kinds.items()
            if parameters
        ]
    return settings


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < 1


def _positive(rate: object) -> float:
    number = float(rate) if isinstance(rate, Real) else math.nan  # Real: numpy's numbers too
    if not 0 < number < math.inf:
        raise DataError(f"A learning rate is {rate!r}; accepted is a positive number.")
    return number
