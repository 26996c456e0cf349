"""Weights averaged over the end of a fit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.training.events import Callback
from steadfit.training.run import Run


class AverageWeights(Callback):
    """Ends a fit with the mean of its weights over its last steps.

    Stochastic weight averaging (Izmailov et al., 2018, algorithm 1), of every step and along the
    fit's own schedule instead of a constant rate. Validation judges the weights of the last step;
    the mean takes their place when the fit ends. Frozen weights are not touched, and the running
    figures of batch normalisation stay as they are then: beside an `EarlyStopping` that restores
    the best epoch they would be of other weights, so take one of the two. A fit that was stopped
    before the averaging began keeps its weights.

    The mean is as large as what trains, in memory and in the checkpoints.

    Args:
        share: of the fit's steps, from its end, above 0 to 1.

    Raises:
        DataError: no such share.
    """

    def __init__(self, share: float = 0.5) -> None:
        if not 0 < number("share", share) <= 1:
            raise DataError(f"share is {share!r}; accepted is a number above 0, to 1.")
        self.share = share
        self._averaged = 0  # steps
        self._means: dict[str, Tensor] = {}

    def on_fit_begin(self, run: Run) -> None:
        self._averaged = 0
        self._means = {}

    @torch.no_grad()
    def on_step_end(self, run: Run) -> None:
        if run.state.step <= run.steps * (1 - self.share):
            return
        self._averaged += 1
        for name, weight in _trained(run).items():
            if name in self._means:
                self._means[name].lerp_(weight, 1 / self._averaged)
            else:
                self._means[name] = weight.clone()

    @torch.no_grad()
    def on_fit_end(self, run: Run) -> None:
        weights = dict(run.model.named_parameters())
        for name, mean in self._means.items():
            weights[name].copy_(mean)
            run.state.judged = -1
        self._means = {}  # as much memory as the model

    def describe(self) -> dict[str, Any]:
        return {"share": self.share}

    def state_dict(self) -> dict[str, Any]:
        return {"averaged": self._averaged}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._averaged = state["averaged"]
        self._means = {}

    def tensors(self) -> dict[str, Tensor]:
        return dict(self._means)

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        # A copy, since those of a checkpoint keep its whole file in memory.
        self._means = {name: value.clone() for name, value in tensors.items()}


def _trained(run: Run) -> dict[str, Tensor]:
    named = run.model.named_parameters()
    return {name: weight.detach() for name, weight in named if weight.requires_grad}
