"""How far a classifier's probabilities in int8 are from those in float32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.inference.engines import Engine
from steadfit.inference.modes import require_evaluation_mode
from steadfit.inference.predictor import class_probabilities
from steadfit.models.classifier import TextClassifier

DOCUMENTS = 256
TOKENS = 1 << 17  # of all compared documents: float32 takes a minute for them at full size


class Deviation(NamedTuple):
    """How two readings of the same documents differ."""

    documents: int
    same_label: int
    largest: float  # difference of a probability
    mean: float


def int8_deviation(model: TextClassifier, documents: Iterable[Sequence[int]]) -> Deviation | None:
    """Compare int8 with float32 on the first documents, as the model reads them.

    Args:
        model: in evaluation mode.
        documents: token ids; 256 are taken at most, and passed over where they are so long that
            all would have more than 131,072 tokens.

    Returns:
        None where it cannot be measured: int8 does not run here or for this model, the model is in
        training mode, or there are no documents.
    """
    chosen = _chosen(documents)
    if not chosen:
        return None
    try:
        require_evaluation_mode(model)
        engine = Engine(model, "int8")
    except DataError:
        return None
    int8 = torch.cat(list(class_probabilities(engine, chosen)))
    float32 = torch.cat(list(class_probabilities(Engine(model, "float32"), chosen)))
    return deviation(int8, float32)


def deviation(found: Tensor, reference: Tensor) -> Deviation:
    """Compare two tables of probabilities `(documents, classes)`."""
    same = int((found.argmax(dim=1) == reference.argmax(dim=1)).sum())
    apart = (found.double() - reference.double()).abs()
    return Deviation(len(found), same, float(apart.max()), float(apart.mean()))


def _chosen(documents: Iterable[Sequence[int]]) -> list[Sequence[int]]:
    chosen: list[Sequence[int]] = []
    room = TOKENS
    for document in documents:
        if len(chosen) == DOCUMENTS:
            break
        if len(document) <= room:
            chosen.append(document)
            room -= len(document)
    return chosen
