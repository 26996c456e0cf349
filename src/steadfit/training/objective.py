"""What a step minimises: a model's loss and the penalties on its states."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatch
from steadfit.data.lm_stream import LMBatch
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.models.outputs import DocumentWindow, State, detach_state
from steadfit.training.penalty_terms import Penalties, PenaltyTally, Sizes


class StepResult(NamedTuple):
    """One batch's share of a step; shares of micro-batches add up to the step's means."""

    loss: Tensor  # reported: without the penalties
    penalties: dict[str, Tensor]  # each with its coefficient
    state: State | None  # detached, for the next batch

    @property
    def total(self) -> Tensor:
        """What is differentiated: the loss and all penalties."""
        return self.loss + sum(self.penalties.values())


class Scores(NamedTuple):
    """A batch judged without gradients."""

    losses: Tensor  # (targets,) nats
    hits: Tensor  # (targets,) bool
    probabilities: Tensor | None  # (documents, classes)
    state: State | None


class LanguageModelObjective(nn.Module):
    """Cross-entropy of the next word, in nats a token, with penalties on the last layer."""

    def __init__(self, model: LanguageModel, penalties: Penalties) -> None:
        super().__init__()
        self.model = model
        self.penalties = penalties

    def sizes(self, batch: LMBatch) -> Sizes:
        """Return over how much this batch's means are taken."""
        rows, time = batch.inputs.shape
        return Sizes(targets=rows * time, steps=rows * time, rows=rows)

    def forward(
        self,
        batch: LMBatch,
        state: State | None,
        sizes: Sizes,
        generator: Generator | None = None,
    ) -> StepResult:
        """Return this batch's share of means over `sizes`; `state` comes from the batch before.

        `generator` draws the dropout masks; None is PyTorch's own.
        """
        out = self.model(batch.inputs, state, generator)
        loss = self.model.loss(out.dropped, batch.targets)
        rows, _, units = out.hidden.shape
        tally = PenaltyTally(self.penalties, rows, units, out.hidden.device)
        tally.add(out.hidden, out.dropped)
        return StepResult(loss / sizes.targets, tally.values(sizes), detach_state(out.state))

    def score(self, batch: LMBatch, state: State | None) -> Scores:
        """Judge every token of the batch."""
        out = self.model(batch.inputs, state)
        scores = self.model.scores(out.dropped, batch.targets)
        return Scores(scores.losses, scores.hits, None, out.state)


class ClassifierObjective(nn.Module):
    """Cross-entropy of the class, in nats a document, with penalties on the last layer.

    A classifier has no dropout behind its last recurrent layer, so AR reads the plain outputs,
    as in fastai. Pairs of steps across the border of two windows count.
    """

    def __init__(self, model: TextClassifier, penalties: Penalties) -> None:
        super().__init__()
        self.model = model
        self.penalties = penalties

    def sizes(self, batch: DocumentBatch) -> Sizes:
        """Return over how much this batch's means are taken."""
        rows = len(batch.lengths)
        return Sizes(targets=rows, steps=int(batch.lengths.sum()), rows=rows)

    def forward(
        self,
        batch: DocumentBatch,
        state: State | None,
        sizes: Sizes,
        generator: Generator | None = None,
    ) -> StepResult:
        """Return this batch's share of means over `sizes`; documents start from no state.

        `generator` draws the dropout masks; None is PyTorch's own.
        """
        rows, units = len(batch.lengths), self.model.encoder.units
        tally = PenaltyTally(self.penalties, rows, units, batch.tokens.device)

        def observe(window: DocumentWindow) -> None:
            tally.add(window.hidden, window.hidden, window.lengths, window.previous)

        logits = self.model(batch.tokens, batch.lengths, observe, generator).float()
        loss = F.cross_entropy(logits, _labels(batch), reduction="sum")
        return StepResult(loss / sizes.targets, tally.values(sizes), None)

    def score(self, batch: DocumentBatch, state: State | None) -> Scores:
        """Judge every document of the batch."""
        logits = self.model(batch.tokens, batch.lengths).float()
        labels = _labels(batch)
        losses = F.cross_entropy(logits, labels, reduction="none")
        return Scores(losses, logits.argmax(dim=1) == labels, logits.softmax(dim=1), None)


Objective = LanguageModelObjective | ClassifierObjective


def _labels(batch: DocumentBatch) -> Tensor:
    if batch.labels is None:
        raise DataError(
            "These documents have no labels, so there is no loss; label them, or use a Predictor."
        )
    return batch.labels
