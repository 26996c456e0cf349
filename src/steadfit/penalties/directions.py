"""Whether what a module returns is two directions side by side, each with a norm of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from steadfit.penalties.hooks import on_forward
from steadfit.penalties.reading import States, outputs_of


class Directions:
    """Tells it of one watched module.

    A module that is bidirectional says so. One that has such a module inside may return what that
    returned, or something made of it: the values are compared, at its first call.

    Args:
        name: of the module, for messages.
        module: the module.
        matter: whether a penalty takes two directions for something else than one. AR and TAR are
            the same mean over units either way.
    """

    def __init__(self, name: str, module: nn.Module, matter: bool) -> None:
        self._name = name
        self._kind = type(module).__name__
        self._matter = matter
        self._itself = _says_two(module)
        self._of_one = _units_of_one(module)
        self._inside = {
            inner: one
            for inner, one in module.named_modules()
            if one is not module and _says_two(one)
        }
        self._returned: dict[str, Any] = {}  # by those inside, in the call that runs
        self._two = True if self._itself else None if self._inside else False

    def listen(self, stack: ExitStack) -> None:
        """Keep what the modules inside return until it is told; let go as the stack is closed."""
        stack.callback(self._let_go)
        for inner, module in self._inside.items():

            def keep(_: nn.Module, output: Any, __: bool, inner: str = inner) -> None:
                if inner in self._inside:
                    self._returned[inner] = output

            on_forward(module, keep, stack)

    def split(self, states: States) -> States:
        """Return states with each direction as rows of its own, if there are two.

        Raises:
            ValueError: there may be two and that matters, or the units are no two equal parts.
        """
        if self._two is None:
            self._two = self._is_returned(states.values)
            self._let_go()
        units = states.values.shape[2]
        if not self._two or (self._itself and units == self._of_one):
            return states
        if units % 2:
            raise ValueError(
                f"{self._name!r} says that it is bidirectional, and returned {units} units, which "
                "are no two directions. Set bidirectional to False if it puts them together."
            )
        rows = torch.cat(states.values.chunk(2, dim=2))
        real = None if states.real is None else torch.cat([states.real, states.real])
        return States(rows, real, 2, states.have_steps)

    def _let_go(self) -> None:
        self._inside = {}
        self._returned = {}

    def _is_returned(self, values: Tensor) -> bool:
        """Tell whether these are what a bidirectional module inside returned."""
        alike = ""
        for inner, module in self._inside.items():
            if inner in self._returned:
                found, real = outputs_of(inner, module, self._returned[inner])
                if found.shape[-1] != values.shape[2]:
                    continue
                if _same(values, found, real):
                    return True
                alike = inner
            elif values.shape[2] == 2 * (_units_of_one(module) or 0):
                alike = inner  # its weights were used without calling it
        if alike and self._matter:
            there = f"{self._name}.{alike}".removeprefix(".")
            raise ValueError(
                f"{self._name!r} ({self._kind}) has the bidirectional {there!r} inside and "
                "returned as many units, but other values: whether these are two directions, with "
                "a norm each, cannot be told. Watch the recurrent module itself; or, for one norm "
                "over all units, an nn.Identity() that the output goes through."
            )
        return False


def _says_two(module: nn.Module) -> bool:
    return getattr(module, "bidirectional", False) is True


def _units_of_one(module: nn.Module) -> int | None:
    """Return the units of one direction, where a module says how many."""
    units = getattr(module, "proj_size", 0) or getattr(module, "hidden_size", None)
    return units if isinstance(units, int) else None


def _same(values: Tensor, found: Tensor, real: Tensor | None) -> bool:
    """Tell whether outputs (rows, time, units) are those found, which may lie the other way.

    Padding that was added behind them, or that stands in them, does not count.
    """
    if found.dim() != 3:
        return False
    for turned in (found, found.transpose(0, 1)) if real is None else (found,):
        rows, time, _ = turned.shape
        if values.shape[0] == rows and values.shape[1] >= time:
            part = values[:, :time]
            same = (part == turned) | (part.isnan() & turned.isnan())
            if bool((same if real is None else same | ~real.unsqueeze(2)).all()):
                return True
    return False
