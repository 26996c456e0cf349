"""The last weights that gave a sound loss, to be taken back when training runs away."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

DIVERGED = 4.0  # times the smoothed loss: fastai's sign that training has run away


class GoodWeights:
    """A copy of the weights that train, and of all buffers, as they were before some step.

    Args:
        weights: those that the optimizer moves, in its order.
        model: whose buffers are meant.
    """

    def __init__(self, weights: Sequence[nn.Parameter], model: nn.Module) -> None:
        self._weights, self._model = weights, model
        self._kept: list[Tensor] = []
        self._kept_buffers: list[Tensor] = []
        self._step = 0

    @torch.no_grad()
    def keep(self, buffers: list[Tensor], step: int) -> None:
        """Copy the weights as they are before `step`; `buffers` are theirs, and are not copied."""
        if not self._kept:
            self._kept = [torch.empty_like(weight) for weight in self._weights]
        torch._foreach_copy_(self._kept, list(self._weights))
        self._kept_buffers, self._step = buffers, step

    @torch.no_grad()
    def take_back(self, buffers: list[Tensor], step: int) -> int:
        """Put back what was kept last, and return the step before which it was taken.

        Before the first step nothing was kept, and only `buffers` have moved, by trying `step`.
        """
        if not self._kept:
            _copy(list(self._model.buffers()), buffers)
            return step
        _copy(self._now(), [*self._kept, *self._kept_buffers])
        return self._step

    def state_dict(self) -> dict[str, Tensor]:
        """Return what is kept as tensors by name: none if nothing is."""
        if not self._kept:
            return {}
        kept = enumerate([*self._kept, *self._kept_buffers])
        return {"step": torch.tensor(self._step), **{str(place): value for place, value in kept}}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Keep what `state_dict` returned, in memory of our own.

        Raises:
            ValueError: it is of other weights.
        """
        if not state:
            return
        now = self._now()
        kept = [state[str(place)] for place in range(len(state) - 1)]
        if [value.shape for value in kept] != [value.shape for value in now]:
            raise ValueError("the weights kept in case training runs away are others")
        with torch.no_grad():
            copies = [torch.empty_like(value) for value in now]
            _copy(copies, kept)
        trained = len(self._weights)
        self._kept, self._kept_buffers = copies[:trained], copies[trained:]
        self._step = int(state["step"])

    def _now(self) -> list[Tensor]:
        return [*self._weights, *self._model.buffers()]


def _copy(to: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(to, values, strict=True):
        tensor.copy_(value)
