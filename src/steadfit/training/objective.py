"""What a step minimises: a model's loss and the penalties on its states."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatch
from steadfit.data.lm_stream import LMBatch
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.models.outputs import DocumentWindow, State, detach_state
from steadfit.training.class_loss import ClassLoss
from steadfit.training.devices import device_of
from steadfit.training.penalty_terms import Penalties, PenaltyTally, Sizes
from steadfit.training.sampled_softmax import SampledSoftmax


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
    hits: Tensor  # (targets,) bool; of a document with several classes, one for each class
    probabilities: Tensor | None  # (documents, classes)
    state: State | None


class LanguageModelObjective(nn.Module):
    """Cross-entropy of the next word, in nats a token, with penalties on the last layer.

    Args:
        model: what trains.
        penalties: on its states.
        sampled: takes the place of the whole softmax in training, whose loss is then an estimate;
            judging takes the whole one all the same.
    """

    def __init__(
        self,
        model: LanguageModel,
        penalties: Penalties,
        sampled: SampledSoftmax | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.penalties = penalties
        self.sampled = sampled
        self.train(model.training)  # a judge sets it back to what it was

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
        if self.sampled is None:
            loss = self.model.loss(out.dropped, batch.targets)
        else:
            loss = self.sampled(self.model.decoder, out.dropped, batch.targets, generator)
        rows, _, units = out.hidden.shape
        tally = PenaltyTally(self.penalties, rows, units, out.hidden.device)
        tally.add(out.hidden, out.dropped)
        return StepResult(loss / sizes.targets, tally.values(sizes), detach_state(out.state))

    def score(self, batch: LMBatch, state: State | None) -> Scores:
        """Judge every token of the batch."""
        out = self.model(batch.inputs, state)
        scores = self.model.scores(out.dropped, batch.targets)
        return Scores(scores.losses, scores.hits, None, out.state)

    def settings(self) -> dict[str, Any]:
        """Return what decides how a step goes beside the penalties, as plain JSON values."""
        return {} if self.sampled is None else {"sampled": self.sampled.settings()}


class ClassifierObjective(nn.Module):
    """Cross-entropy of the class, in nats a document, with penalties on the last layer.

    A classifier has no dropout behind its last recurrent layer, so AR reads the plain outputs,
    as in fastai. Pairs of steps across the border of two windows count.

    Weights, of classes and of a batch's documents, and smoothing are those of `ClassLoss`. They
    weigh the loss and not the penalties, and training alone: `score` judges all documents alike.

    Args:
        model: what trains.
        penalties: on its states.
        class_weights: (classes,); see also `steadfit.training.class_weights.balanced_weights`.
        label_smoothing: how much of a target is spread over all classes.
        multi_label: whether documents may have several classes, or none; it is the model's where it
            is not given.

    Raises:
        DataError: weights or smoothing are none, or `multi_label` is not what the model was made
            for.
    """

    def __init__(
        self,
        model: TextClassifier,
        penalties: Penalties,
        *,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        multi_label: bool | None = None,
    ) -> None:
        super().__init__()
        if multi_label not in (None, model.multi_label):
            raise DataError(
                f"multi_label is {multi_label!r}, but the model was made with "
                f"multi_label={model.multi_label}; give both the same."
            )
        self.model = model
        self.penalties = penalties
        loss = ClassLoss(model.n_classes, class_weights, label_smoothing, model.multi_label)
        self.loss = loss.to(device_of(model))
        self.train(model.training)

    def sizes(self, batch: DocumentBatch) -> Sizes:
        """Return over how much this batch's means are taken."""
        rows, steps = len(batch.lengths), int(batch.lengths.sum())
        return Sizes(targets=rows, steps=steps, rows=rows, weight=self.loss.weight(batch))

    def forward(
        self,
        batch: DocumentBatch,
        state: State | None,
        sizes: Sizes,
        generator: Generator | None = None,
    ) -> StepResult:
        """Return this batch's share of means over `sizes`; documents start from no state.

        `generator` draws the dropout masks; None is PyTorch's own.

        Raises:
            DataError: a single document in training.
        """
        rows, units = len(batch.lengths), self.model.encoder.units
        if rows < 2 and self.training:
            raise DataError(
                "A batch has one document, and batch normalisation needs two to learn from. Give a "
                "batch size of 2 or more, and two documents or more to train on."
            )
        tally = PenaltyTally(self.penalties, rows, units, batch.tokens.device)

        def observe(window: DocumentWindow) -> None:
            tally.add(window.hidden, window.hidden, window.lengths, window.previous)

        logits = self.model(batch.tokens, batch.lengths, observe, generator).float()
        # Where all documents of a step weigh nothing, their sum is zero already.
        loss = self.loss(logits, batch) / (sizes.weight or 1.0)
        return StepResult(loss, tally.values(sizes), None)

    def score(self, batch: DocumentBatch, state: State | None) -> Scores:
        """Judge every document of the batch."""
        logits = self.model(batch.tokens, batch.lengths).float()
        losses, hits = self.loss.judge(logits, batch)
        return Scores(losses, hits, self.model.probabilities(logits), None)

    def settings(self) -> dict[str, Any]:
        """Return what decides how a step goes beside the penalties, as plain JSON values."""
        return self.loss.settings()


Objective = LanguageModelObjective | ClassifierObjective
