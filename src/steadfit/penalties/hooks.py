"""Forward hooks that show what a module returned, and go no further than the module itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

Observe = Callable[[nn.Module, Any, bool], None]
"""Is handed the module, what it returned, and whether it was handed more than its inputs."""


def on_forward(module: nn.Module, observe: Observe, stack: ExitStack) -> None:
    """Show an observer each forward of a module until the stack is closed.

    A compiled forward stops at the hook, so that it sees real tensors. What checkpointing computes
    again within a backward pass is not shown.
    """

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def see(called: nn.Module, output: Any, more: bool) -> None:
        if called is module and not within_backward():  # a copy of the model has its hooks, too
            observe(called, output, more)

    handle = module.register_forward_hook(_Hook(see), with_kwargs=True)
    stack.callback(handle.remove)


def within_backward() -> bool:
    """Tell whether a backward pass runs, in which checkpointing repeats calls."""
    return torch._C._current_graph_task_id() != -1


class _Hook:
    """A hook that shows an observer the outputs; a copy of it, or one from a pickle, does nothing.

    So a model may be saved or copied while it is watched.
    """

    def __init__(self, see: Observe | None = None) -> None:
        self._see = see

    def __call__(
        self, module: nn.Module, inputs: Any, keywords: dict[str, Any], output: Any
    ) -> None:
        if self._see is not None:
            given = [one for one in (*inputs, *keywords.values()) if one is not None]
            self._see(module, output, len(given) > 1)

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        return _Hook, ()
