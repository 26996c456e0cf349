"""One pass over held-out batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from steadfit.core.progress import progress
from steadfit.kernels.precision import products_in_bf16
from steadfit.models.outputs import State
from steadfit.training.devices import device_of, to_device
from steadfit.training.metrics import Evaluation, Tally
from steadfit.training.objective import Objective


class Batches(Protocol):
    """What a fit reads: batches by epoch, each epoch in its own reproducible order."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]: ...

    def describe(self) -> dict[str, Any]: ...


@torch.no_grad()
def evaluate(objective: Objective, batches: Batches, bf16: bool = False) -> Evaluation:
    """Judge a model on all batches, in evaluation mode, from no recurrent state.

    Losses are added up as they come: only a classifier's probabilities, one row a document, are
    kept.
    """
    was_training = objective.training
    device = device_of(objective)
    tally = Tally()
    state: State | None = None
    objective.eval()
    try:
        for batch in progress(batches.epoch(0), "validating", total=len(batches)):
            batch = to_device(batch, device)
            with products_in_bf16(device, bf16):
                scores = objective.score(batch, state)
            state = scores.state
            tally.add(scores.losses, scores.hits)
            if scores.probabilities is not None:
                tally.add_documents(batch.labels, scores.probabilities, batch.rows)
    finally:
        objective.train(was_training)
    return tally.result()


def in_row_order(evaluation: Evaluation) -> tuple[Tensor, Tensor]:
    """Return probabilities and labels of documents in the order of the token store."""
    assert evaluation.rows is not None
    assert evaluation.probabilities is not None
    assert evaluation.labels is not None
    order = evaluation.rows.argsort()
    return evaluation.probabilities[order], evaluation.labels[order]
