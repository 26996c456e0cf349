"""A classifier's network, trained phase by phase from an encoder or from where it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from torch import Tensor

from steadfit.data.buckets import DocumentBatches
from steadfit.data.token_store import TokenStore
from steadfit.files.transfer import load_encoder, read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.recipe.rates import found_rate
from steadfit.recipe.settings import FIND, ClassifierSettings, Phase
from steadfit.text.vocab import Vocab
from steadfit.training.averaging import AverageWeights
from steadfit.training.callbacks import EarlyStopping
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import Batches
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
        weights: (documents,), how much each counts in training.
        class_weights: (classes,), the same for each class.
    """

    store: TokenStore
    vocab: Vocab
    encoder: str | Path | None = None
    sizes: dict[str, Any] = field(default_factory=dict)
    backwards: bool = False
    weights: ArrayLike | None = None
    class_weights: Tensor | None = None


def train_network(
    reading: Reading,
    rows: ArrayLike,
    how: ClassifierSettings,
    *,
    valid: DocumentBatches | None = None,
    patience: int | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    checkpoints: Path | None = None,
    history: History | None = None,
    model: TextClassifier | None = None,
    epochs: Sequence[int] | None = None,
) -> TextClassifier:
    """Return a classifier trained on some documents; it goes on where it was stopped.

    Args:
        reading: the documents and the encoder.
        rows: of the store, to learn from.
        how: the numbers.
        valid: judged after each epoch.
        patience: a phase ends after more than so many epochs without a smaller loss on `valid`,
            with the weights of its best one; None lets it run through.
        callbacks: for every fit.
        seed: of the head, masks and order.
        checkpoints: a folder for what is needed to go on.
        history: gets the epochs.
        model: trained on, in place, all layers at once; None begins with the encoder.
        epochs: of each phase; None is those of `how`.
    """
    history = History() if history is None else history
    further = model is not None
    model = starting_network(reading, how, seed) if model is None else model
    objective = ClassifierObjective(
        model.eval(),
        how.penalties,
        class_weights=reading.class_weights,
        label_smoothing=how.label_smoothing,
    )
    documents = len(rows)  # type: ignore[arg-type]
    train = DocumentBatches(
        reading.store,
        rows,
        how.rows_of(documents),
        seed,
        backwards=reading.backwards,
        weights=reading.weights,
    )
    stages = None if checkpoints is None else Stages(checkpoints)
    groups = model.layer_groups()
    if how.lr == FIND:
        freeze_to(groups, -1)
        plan = FitPlan(1, 1.0, wd=how.wd, clip=how.clip, bf16=has_fast_bf16(), seed=seed)
        how = replace(how, lr=found_rate(objective, train, plan, ClassifierSettings.lr))
    phases = how.phases(documents, len(groups))[-1 if further else 0 :]
    if epochs is not None:
        phases = [one._replace(epochs=n) for one, n in zip(phases, epochs, strict=True)]
    for stage, phase in enumerate(phases):
        listening = [*([] if patience is None else [_stopping(patience)]), *callbacks]
        train_phase(
            objective, train, phase, stage, how, history, seed, valid, listening, stages=stages
        )
    freeze_to(groups, 0)
    return model


def train_phase(
    objective: ClassifierObjective,
    train: Batches,
    phase: Phase,
    stage: int,
    how: ClassifierSettings,
    history: History,
    seed: int = 0,
    valid: Batches | None = None,
    callbacks: Sequence[Callback] = (),
    stages: Stages | None = None,
) -> None:
    """Fit the layer groups of one phase, in place.

    Args:
        objective: what is minimised.
        train: to learn from.
        phase: which groups, how long and how fast.
        stage: number of the phase.
        how: the other numbers.
        history: gets the epochs; those it has count as read before.
        seed: of masks.
        valid: judged after each epoch.
        callbacks: of the fit.
        stages: keep what is needed to go on.
    """
    freeze_to(objective.model.layer_groups(), phase.unfrozen)
    plan = FitPlan(
        phase.epochs,
        phase.lr,
        wd=how.wd,
        clip=how.clip,
        bf16=has_fast_bf16(),
        seed=seed,
        stage=stage,
        first_epoch=len(history.epochs),
    )
    averaging = [AverageWeights()] if how.average_weights else []
    fit(objective, train, valid, plan, history, [*averaging, *callbacks], stages=stages)


def starting_network(reading: Reading, how: ClassifierSettings, seed: int) -> TextClassifier:
    """Return the network before its first step."""
    start = None
    defaults = CLASSIFIER_DEFAULTS
    if reading.encoder is not None:
        start = read_pretrained(reading.encoder, reading.backwards)
        defaults = {**defaults, **start.sizes}
    sizes = {k: v for k, v in reading.sizes.items() if start is None or k not in start.sizes}
    config = AWDLSTMConfig.from_defaults(defaults, len(reading.vocab), how.drop_mult, sizes)
    model = TextClassifier(
        config,
        len(reading.store.meta["classes"]),
        generator=generator_on(None, seed),
        multi_label=reading.store.multi_label,
    )
    if start is not None:
        load_encoder(model.encoder, reading.vocab, start, reading.backwards)
    return model


def _stopping(patience: int) -> EarlyStopping:
    return EarlyStopping("valid_loss", patience, restore_best=True)


def best_epochs(history: History) -> list[int]:
    """Return how many epochs each phase took to its smallest validation loss."""
    found: list[int] = []
    best = math.inf
    for one in history.epochs:
        if one.epoch == 0:
            found.append(1)
            best = math.inf
        if one.valid_loss is not None and one.valid_loss < best:
            best, found[-1] = one.valid_loss, one.epoch + 1
    return found
