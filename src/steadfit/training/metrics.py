"""Figures of merit beside the loss, from one pass over the validation batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steadfit.core.errors import DataError


class Evaluation(NamedTuple):
    """What one pass over held-out batches found."""

    loss: float  # nats a target
    targets: int
    hits: int
    labels: Tensor | None  # (documents,), or (documents, classes) of 0 and 1; ordered as `rows`
    probabilities: Tensor | None  # (documents, classes)
    rows: Tensor | None  # (documents,) numbers in the token store

    @property
    def accuracy(self) -> float:
        """Share of targets that got the largest score.

        Where documents may have several classes, share of right answers, yes or no, over all
        documents and classes; for whole sets take `sklearn.metrics.accuracy_score`.
        """
        return self.hits / self.targets


class Metric(NamedTuple):
    """A figure with a name, computed from an `Evaluation`."""

    name: str
    compute: Callable[[Evaluation], float]

    def __call__(self, evaluation: Evaluation) -> float:
        return float(self.compute(evaluation))


accuracy = Metric("accuracy", lambda evaluation: evaluation.accuracy)
perplexity = Metric("perplexity", lambda evaluation: math.exp(min(evaluation.loss, 700.0)))


AnyMetric = Metric | Callable[..., Any]


def as_metrics(given: AnyMetric | Sequence[AnyMetric], labelled: bool = True) -> list[Metric]:
    """Accept one or several metrics: `Metric`s, or functions of scikit-learn's form.

    Such a function takes `(labels, predicted)`, the numbers of the classes, and returns a number.
    Where documents may have several classes, both are tables of 0 and 1, (documents, classes), and
    what has a probability above a half is predicted.

    Raises:
        DataError: something else was given, or a function where documents have no labels.
    """
    alone = isinstance(given, Metric) or not isinstance(given, (list, tuple))
    several: Any = [given] if alone else given
    return [_as_metric(one, labelled) for one in several]


def _as_metric(given: AnyMetric, labelled: bool) -> Metric:
    if isinstance(given, Metric):
        return given
    if not callable(given):
        raise DataError(
            f"A metric is {given!r}; accepted are accuracy, perplexity and functions such as "
            "sklearn.metrics.f1_score."
        )
    function = given
    if not labelled:
        raise DataError(
            f"The metric {_name(function)} reads labels and predictions, which a language "
            "model does not have; use accuracy or perplexity."
        )

    def compute(evaluation: Evaluation) -> float:
        assert evaluation.probabilities is not None
        assert evaluation.labels is not None
        if evaluation.labels.ndim == 2:
            predicted = (evaluation.probabilities > 0.5).long()
        else:
            predicted = evaluation.probabilities.argmax(dim=1)
        return float(function(evaluation.labels.long().numpy(), predicted.numpy()))

    return Metric(_name(function), compute)


class Tally:
    """Adds up what batches tell; of single targets nothing is kept, of documents one row each."""

    def __init__(self) -> None:
        self._loss = 0.0
        self._targets = self._hits = 0
        self._documents: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, losses: Tensor, hits: Tensor) -> None:
        """Count a batch's targets; both are `(targets,)`."""
        self._loss += float(losses.cpu().double().sum())
        self._targets += len(losses)
        self._hits += int(hits.sum())

    def add_documents(self, labels: Tensor, probabilities: Tensor, rows: Tensor) -> None:
        """Keep what was found for a batch's documents."""
        self._documents.append((labels.cpu(), probabilities.cpu(), rows.cpu()))

    def result(self) -> Evaluation:
        """Return what all batches together found."""
        loss = self._loss / max(self._targets, 1)
        if not self._documents:
            return Evaluation(loss, self._targets, self._hits, None, None, None)
        documents = (torch.cat(column) for column in zip(*self._documents, strict=True))
        return Evaluation(loss, self._targets, self._hits, *documents)


def _name(function: Callable[..., Any]) -> str:
    inner = getattr(function, "func", function)  # of a partial
    name = getattr(function, "__name__", getattr(inner, "__name__", type(function).__name__))
    return str(name)
