"""A classifier's network, trained phase by phase from an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import ArrayLike

from steadfit.data.buckets import DocumentBatches
from steadfit.data.token_store import TokenStore
from steadfit.files.transfer import load_encoder, read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.recipe.settings import ClassifierSettings
from steadfit.text.vocab import Vocab
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.objective import ClassifierObjective
from steadfit.training.optimizer import freeze_to
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan


@dataclass(frozen=True)
class Reading:
    """What a network reads, and how it begins.

    Attributes:
        store: documents with labels.
        vocab: of the store.
        encoder: a model folder or an installed name; None starts from nothing.
        sizes: keys of the configuration, where there is no encoder.
        backwards: read each document from its end.
    """

    store: TokenStore
    vocab: Vocab
    encoder: str | Path | None = None
    sizes: dict[str, Any] = field(default_factory=dict)
    backwards: bool = False


def train_network(
    reading: Reading,
    rows: ArrayLike,
    how: ClassifierSettings,
    *,
    valid: DocumentBatches | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    checkpoints: Path | None = None,
    history: History | None = None,
) -> TextClassifier:
    """Return a classifier trained on some documents; it goes on where it was stopped.

    Args:
        reading: the documents and the encoder.
        rows: of the store, to learn from.
        how: the numbers.
        valid: judged after each epoch.
        callbacks: for every fit.
        seed: of the head, masks and order.
        checkpoints: a folder for what is needed to go on.
        history: gets the epochs.
    """
    history = History() if history is None else history
    model = starting_network(reading, how, seed)
    objective = ClassifierObjective(model.eval(), how.penalties)
    documents = len(rows)  # type: ignore[arg-type]
    batch = how.rows_of(documents)
    train = DocumentBatches(reading.store, rows, batch, seed, backwards=reading.backwards)
    stages = None if checkpoints is None else Stages(checkpoints)
    bf16 = has_fast_bf16(torch.device("cpu"))
    groups = model.layer_groups()
    for stage, phase in enumerate(how.phases(documents, len(groups))):
        freeze_to(groups, phase.unfrozen)
        plan = FitPlan(
            phase.epochs,
            phase.lr,
            wd=how.wd,
            clip=how.clip,
            bf16=bf16,
            seed=seed,
            stage=stage,
            first_epoch=len(history.epochs),
        )
        fit(objective, train, valid, plan, history, callbacks, stages=stages)
    freeze_to(groups, 0)
    return model


def starting_network(reading: Reading, how: ClassifierSettings, seed: int) -> TextClassifier:
    """Return the network before its first step."""
    start = None
    defaults = CLASSIFIER_DEFAULTS
    if reading.encoder is not None:
        start = read_pretrained(reading.encoder, reading.backwards)
        defaults = {**defaults, **start.sizes}
    config = AWDLSTMConfig.from_defaults(
        defaults, len(reading.vocab), how.drop_mult, reading.sizes or None
    )
    classes = len(reading.store.meta["classes"])
    model = TextClassifier(config, classes, generator=generator_on(None, seed))
    if start is not None:
        load_encoder(model.encoder, reading.vocab, start, reading.backwards)
    return model
