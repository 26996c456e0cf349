"""The numbers of the recipe, and how many epochs they come to for so many documents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from steadfit.core.checks import number, whole_number, yes_or_no
from steadfit.core.errors import DataError
from steadfit.training.penalty_terms import Penalties

GRADUAL, ONE_CYCLE = "gradual", "one-cycle"
SCHEDULES = (GRADUAL, ONE_CYCLE)
FIND = "find"  # a rate: that of a range test
# The rate of a layer by that of the one below. Howard & Ruder (2018, section 3.2) take 2.6; from a
# language model that has read less, the lower layers have more to learn.
LAYER_FACTOR = 1.5
# Labelled documents. More of them teach what fewer passes of both trainings leave open, and in
# larger batches. With few labels the third pass of the language model is worth its time.
MANY = 5_000


@dataclass(frozen=True)
class LanguageModelSettings:
    """How a language model is trained on the texts of a task.

    Attributes:
        epochs: passes over the texts; None is 3, and 2 where labelled documents are many.
        lr: largest rate of one cycle, the same for all layers; or "find".
        rows: texts read side by side; fewer where there is little text.
        bptt: steps of a window.
        drop_mult: scales the dropouts of a language model.
        alpha, beta, beta_norm: coefficients of AR, TAR and the norm stabilizer.
        max_vocab, min_freq: limits of the vocabulary, which is that of these texts.
        held_out: share of the texts on which perplexity is measured.
        clip: largest norm of the gradient.
        sampled: of a large vocabulary, learn from a part at each step (`SampledSoftmax`); None is
            where labelled documents are many.
        share: of all epochs, where there is less time; one is kept.
    """

    epochs: int | None = None
    lr: float | str = 3e-3
    rows: int = 32
    bptt: int = 70
    drop_mult: float = 0.2
    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 0.0
    max_vocab: int = 24_000
    min_freq: int = 3
    held_out: float = 0.03
    clip: float = 0.25
    sampled: bool | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs is not None:
            whole_number("epochs", self.epochs, 1)

    @property
    def penalties(self) -> Penalties:
        """The penalties on the last layer's outputs."""
        return Penalties(self.alpha, self.beta, self.beta_norm)

    @property
    def passes(self) -> int:
        """How often to read the texts."""
        return _share_of(self.epochs or 3, self.share)

    def for_documents(self, labelled: int) -> LanguageModelSettings:
        """Return them with what depends on how many labelled documents follow filled in."""
        many = labelled > MANY
        return replace(
            self,
            epochs=self.epochs or (2 if many else 3),
            sampled=many if self.sampled is None else self.sampled,
        )


class Phase(NamedTuple):
    """A fit of the classifier: from which layer group on, how long, and how fast."""

    unfrozen: int
    epochs: int
    lr: float | slice


@dataclass(frozen=True)
class ClassifierSettings:
    """How a classifier is trained, from an encoder to all layers.

    Attributes:
        schedule: "gradual" unfreezes layer by layer (Howard & Ruder, 2018, section 3.3);
            "one-cycle" trains the head, then all layers at once.
        lr: largest rate of the first phase, which trains the head; later phases go down from it.
            "find" takes what a range test of the head suggests.
        batch_size: documents of a step, 2 or more, and for the steps' sake an eighth of all or
            four at most; None is 16, and 32 where documents are many.
        steps: optimizer steps of a phase at least, as long as `most_epochs` allows; of many
            documents an epoch is a phase.
        most_epochs: of a phase.
        epochs: of a phase, whatever `steps` says; None goes by `steps`.
        share: of all epochs, where there is less time; each phase keeps one.
        last: how many times as long the last phase is, in which all layers train; None is 3, and 2
            where documents are many.
        drop_mult: scales the dropouts of a classifier.
        alpha, beta, beta_norm: coefficients of AR, TAR and the norm stabilizer.
        wd: weight decay.
        clip: largest norm of the gradient.
        label_smoothing: how much of a target is spread over all classes.
        average_weights: end each phase with the mean of its weights (see `AverageWeights`).
    """

    schedule: str = ONE_CYCLE
    lr: float | str = 2e-2
    batch_size: int | None = None
    steps: int = 120
    most_epochs: int = 4
    last: float | None = None
    drop_mult: float = 0.5
    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 0.0
    wd: float = 0.01
    clip: float = 0.25
    epochs: int | None = None
    share: float = 1.0
    label_smoothing: float = 0.0
    average_weights: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise DataError(
                f"schedule is {self.schedule!r}; accepted are {' and '.join(SCHEDULES)}."
            )
        yes_or_no("average_weights", self.average_weights)
        least = {"batch_size": 2, "epochs": 1, "steps": 1, "most_epochs": 1}
        for name, value in least.items():  # batch normalisation needs two documents
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), value)
        for name, other in (("lr", FIND), ("last", None), ("share", 1.0)):
            given = getattr(self, name)
            if given != other and not number(name, given) > 0:
                raise DataError(f"{name} is {given!r}; give a positive number.")

    @property
    def penalties(self) -> Penalties:
        """The penalties on the last layer's outputs."""
        return Penalties(self.alpha, self.beta, self.beta_norm)

    def rows_of(self, documents: int) -> int:
        """Return the batch size for so many documents to learn from."""
        most = self.batch_size or (32 if documents > MANY else 16)
        return min(most, max(4, documents // 8))

    def phases(self, documents: int, groups: int) -> list[Phase]:
        """Return the fits for so many documents and layer groups, in order.

        The head at `lr`; then, if unfreezing is gradual layer by layer, all others at half of it.
        Rates fall by `LAYER_FACTOR` from layer to layer.

        Raises:
            DataError: the rate is still to be found.
        """
        lr = number("lr", self.lr)
        steps = math.ceil(documents / self.rows_of(documents))
        epochs = self.epochs or max(1, min(self.most_epochs, math.ceil(self.steps / steps)))
        factor = self.last or (2.0 if documents > MANY else 3.0)
        last = _share_of(max(1, round(factor * epochs)), self.share)
        epochs = _share_of(epochs, self.share)
        found = [Phase(-1, epochs, lr)]
        if self.schedule == GRADUAL:
            found += [Phase(-n, epochs, _spread(lr / 2, n)) for n in range(2, min(groups, 4))]
        return [*found, Phase(0, last, _spread(lr / 2, groups))]


def with_rate(how: ClassifierSettings) -> ClassifierSettings:
    """Return the settings with a rate, to tell of phases what no rate changes."""
    return replace(how, lr=ClassifierSettings.lr)


def _share_of(epochs: int, share: float) -> int:
    return max(1, math.floor(share * epochs + 1e-9))


def _spread(lr: float, groups: int) -> slice:
    return slice(lr / LAYER_FACTOR ** (groups - 1), lr)
