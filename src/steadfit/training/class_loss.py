"""The loss of a classifier: what a document costs, and how much it counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatch
from steadfit.training.class_weights import checked_class_weights


class Judged(NamedTuple):
    """Documents judged without weights and smoothing."""

    losses: Tensor  # (targets,) nats
    hits: Tensor  # (targets,) bool


class ClassLoss(nn.Module):
    """Cross-entropy of one class a document, or of yes and no for each class.

    The mean over documents i is Σ s_i w_y l_i / Σ s_i w_y, with the weights s of documents and w
    of classes, as in scikit-learn. Where a document may
    have several classes, l_ic is the binary cross-entropy of class c, and the mean over documents
    and classes is Σ s_i w_c l_ic / Σ s_i w_c.

    Smoothing takes ε of the target and spreads it evenly (Szegedy et al., 2016, section 7): over
    all classes, or over yes and no. A document weighs what its own class weighs all the same.
    (`torch.nn.functional.cross_entropy` weighs the share of each class by that class's weight: with
    a class that weighs a hundred, ε = 0.1 would turn the others' documents into its own.)

    Args:
        classes: how many there are.
        class_weights: (classes,), or None for one each.
        label_smoothing: ε, from 0 to below 1.
        multi_label: whether a document may have several classes, or none.

    Raises:
        DataError: weights or ε are others than these.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        classes: int,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        multi_label: bool = False,
    ) -> None:
        super().__init__()
        if number("label_smoothing", label_smoothing) >= 1:
            raise DataError(
                f"label_smoothing is {label_smoothing!r}; accepted is a number from 0 to below 1."
            )
        self.classes = classes
        self.label_smoothing = float(label_smoothing)
        self.multi_label = multi_label
        if class_weights is not None:
            class_weights = checked_class_weights(class_weights, classes)
        # Moves with the model, and is no part of what is saved: the fit's settings name it.
        self.register_buffer("class_weights", class_weights, persistent=False)

    def weight(self, batch: DocumentBatch) -> float:
        """Return what the sum of a batch's losses is divided by; batches add up.

        Without weights that is the number of documents, or of documents times classes.
        """
        # In float64, where sums hardly depend on how documents are put into batches.
        documents = torch.ones(len(batch.lengths)) if batch.weights is None else batch.weights
        documents = documents.double()
        if self.class_weights is None:
            return float(documents.sum()) * (self.classes if self.multi_label else 1)
        of_classes = self.class_weights.to(documents.device).double()
        if self.multi_label:
            return float(documents.sum()) * float(of_classes.sum())
        return float(of_classes[self._labels(batch)] @ documents)

    def forward(self, logits: Tensor, batch: DocumentBatch) -> Tensor:
        """Return the weighted sum of a batch's losses; logits are (batch, classes), float32."""
        labels = self._labels(batch)
        if batch.weights is None and self.class_weights is None:
            return self._losses(logits, labels, "sum")
        losses = self._losses(logits, labels, "none")
        if batch.weights is not None:
            losses = losses * (batch.weights.unsqueeze(1) if self.multi_label else batch.weights)
        if self.class_weights is not None:
            losses = losses * (
                self.class_weights if self.multi_label else self.class_weights[labels]
            )
        return losses.sum()

    def judge(self, logits: Tensor, batch: DocumentBatch) -> Judged:
        """Return the plain loss of each document, or of each of its classes in turn.

        Weights and smoothing shape what is learned; held-out documents count all alike, so that
        figures of models trained with others can be compared.
        """
        labels = self._labels(batch)
        if self.multi_label:
            losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
            return Judged(losses.flatten(), ((logits > 0) == (labels > 0)).flatten())
        losses = F.cross_entropy(logits, labels, reduction="none")
        return Judged(losses, logits.argmax(dim=1) == labels)

    def settings(self) -> dict[str, Any]:
        """Return what differs from plain cross-entropy, as plain JSON values."""
        found: dict[str, Any] = {}
        if self.class_weights is not None:
            found["class_weights"] = self.class_weights.tolist()
        if self.label_smoothing:
            found["label_smoothing"] = self.label_smoothing
        if self.multi_label:
            found["multi_label"] = True
        return found

    def _losses(self, logits: Tensor, labels: Tensor, reduction: str) -> Tensor:
        """Return what each document costs, or each of its classes, without weights."""
        smoothing = self.label_smoothing
        if not self.multi_label:
            return F.cross_entropy(logits, labels, reduction=reduction, label_smoothing=smoothing)
        targets = labels * (1 - smoothing) + smoothing / 2 if smoothing else labels
        return F.binary_cross_entropy_with_logits(logits, targets, reduction=reduction)

    def _labels(self, batch: DocumentBatch) -> Tensor:
        labels = batch.labels
        if labels is None:
            raise DataError(
                "These documents have no labels, so there is no loss; label them, or use a "
                "Predictor."
            )
        wanted = (len(batch.lengths), self.classes) if self.multi_label else (len(batch.lengths),)
        if labels.shape != wanted:
            kind = "several classes a document" if self.multi_label else "one class a document"
            raise DataError(
                f"This classifier is for {kind}, labels {wanted}; these are {tuple(labels.shape)}. "
                "A model for documents that may have several classes is made with "
                "TextClassifier(..., multi_label=True)."
            )
        return labels
