"""Which kernels are used, and why: the native ones where they can run, else PyTorch's.

`STEADFIT_KERNELS` or `use_kernels` says `auto` (the default), `plain` (PyTorch's alone) or `native`
(refuse to run without them).
"""

from __future__ import annotations

import functools
import os
from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.core.console import note
from steadfit.core.errors import DataError
from steadfit.kernels.native_library import NativeError, library, missing_instructions

VARIABLE = "STEADFIT_KERNELS"
CHOICES = ("auto", "plain", "native")
LOSS = "Without them int8 cannot be had, and all else takes longer."
_chosen: str | None = None


class Kernels(NamedTuple):
    """Which kernels this process uses for products in bfloat16 on the CPU."""

    chosen: str  # auto, plain or native; empty if it is none of them
    used: str  # native or plain; empty if they are refused
    reason: str  # a sentence: why these, and what is lost
    library: str | None  # where the native ones lie, if they are used


def describe() -> Kernels:
    """Return which kernels are used and why; the native ones are built for it if need be."""
    try:
        chosen = choice()
    except DataError as error:
        return Kernels("", "", str(error), None)
    if chosen == "plain":
        return Kernels(chosen, "plain", f"Plain was chosen. {LOSS}", None)
    problem = native_problem()
    if problem is None:
        reason = "This processor has the instructions, and they are built."
        return Kernels(chosen, "native", reason, library()._name)
    if chosen == "native":
        return Kernels(chosen, "", f"Native was chosen, but {problem}.", None)
    # Without the instructions nothing of it was to be had.
    lost = "" if missing_instructions() else f" {LOSS}"
    return Kernels(chosen, "plain", f"The native ones cannot be used: {problem}.{lost}", None)


def use_kernels(choice: str) -> None:
    """Choose the kernels of this process; `STEADFIT_KERNELS` does the same from outside.

    Raises:
        DataError: no such choice, or `native` where they cannot run.
    """
    global _chosen
    before, _chosen = _chosen, _checked(choice, "use_kernels")
    try:
        if choice == "native":
            _require()
    except DataError:
        _chosen = before
        raise


def uses_native(inputs: Tensor, *weights: Tensor | None) -> bool:
    """Tell whether a product of these tensors goes through the native kernels.

    They are for the CPU, for products in bfloat16 (inside `torch.autocast`) of float32 weights,
    and for inputs that are not empty.

    Raises:
        DataError: `native` was chosen, and they cannot run here.
    """
    if inputs.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    if torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return False
    if not inputs.numel() or any(w is not None and w.dtype != torch.float32 for w in weights):
        return False
    return runs_native()


def runs_native() -> bool:
    """Tell whether products in bfloat16 go through the native kernels on this CPU.

    Raises:
        DataError: `native` was chosen, and they cannot run here; or there is no such choice.
    """
    return choice() != "plain" and _require() is None


def choice() -> str:
    """Return what was chosen: `auto`, `plain` or `native`."""
    return _chosen or _checked(os.environ.get(VARIABLE) or "auto", VARIABLE)


@functools.cache
def native_problem() -> str | None:
    """Return why the native kernels cannot run here; None if they can."""
    try:
        library()
    except (NativeError, DataError) as error:  # the latter: no folder to keep them in
        return str(error)
    return None


def _require() -> str | None:
    """Return why the native kernels are not used, after saying so once."""
    problem = native_problem()
    if problem is None:
        return None
    if choice() == "native":
        raise DataError(
            f"The native kernels were asked for, but {problem}. Accepted are auto and plain, which "
            "use PyTorch's."
        )
    if choice() == "auto" and not missing_instructions():
        _say_once(problem)
    return problem


@functools.cache
def _say_once(problem: str) -> None:
    note(f"Steadfit's own kernels are not used: {problem}. {LOSS} {VARIABLE}=plain silences this.")


def _checked(choice: str, where: str) -> str:
    if choice not in CHOICES:
        raise DataError(f"{where} is {choice!r}; accepted are {', '.join(CHOICES)}.")
    return choice
