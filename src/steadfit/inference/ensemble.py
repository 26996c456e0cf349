"""What the recipe makes: one network or two, a linear model, one rule for labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import number, several_texts, shown
from steadfit.core.errors import DataError
from steadfit.files.model_folder import SavedModel
from steadfit.inference.blend import blended
from steadfit.inference.decision import Decision
from steadfit.inference.predictor import Predictor
from steadfit.linear.calibration import softmax
from steadfit.linear.model import LinearModel
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.models.classifier import TextClassifier

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Texts → probabilities → labels.

    The networks' probabilities are averaged (Howard & Ruder, 2018, section 4.2), tempered with one
    scale (Guo et al., 2017, section 4.2) and mixed with those of the linear model.

    Attributes:
        networks: classifiers of the same classes; one reads forwards or backwards, two both ways.
        decision: how probabilities become labels.
        scale: one over the temperature of the networks' mean.
        linear: NBSVM, or None.
        weight: of the networks; the linear model has the rest. Without one it is 1.
        details: plain JSON values that say how all of it was made.
        engine: in which numbers the networks read (see `Engine`).

    Raises:
        DataError: networks that do not belong together, or numbers out of range.
    """

    networks: tuple[SavedModel, ...]
    decision: Decision
    scale: float = 1.0
    linear: LinearModel | None = None
    weight: float = 1.0
    details: Mapping[str, Any] = field(default_factory=dict)
    engine: str = "auto"
    _predictors: tuple[Predictor, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise DataError(f"This is no classifier: {problem}.")
        object.__setattr__(self, "scale", float(self.scale))
        object.__setattr__(self, "weight", float(self.weight))
        predictors = tuple(_predictor(one, self.engine) for one in self.networks)
        object.__setattr__(self, "_predictors", predictors)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the columns of probabilities."""
        return self.decision.classes

    def probabilities(self, texts: Iterable[str], batch_size: int = 48) -> Probabilities:
        """Return `(texts, classes)`; a text gets the same alone and among others.

        Raises:
            DataError: `texts` is one string, or an item is none.
        """
        if self.linear is not None and self.weight == 0:
            return self.linear.probabilities(texts)
        texts = list(several_texts(texts))  # each part goes through them
        return self.finished(self.mean_probabilities(texts, batch_size), texts)

    def finished(
        self, mean: Probabilities, texts: Sequence[str], least: float = LEAST_PROBABILITY
    ) -> Probabilities:
        """Return `(texts, classes)` from the networks' mean for these texts: tempered and mixed.

        `least`: see `tempered`.
        """
        table = tempered(mean, self.scale, self.many, least)
        if self.linear is None or self.weight == 1:
            return table
        return blended(table, self.linear.probabilities(texts), self.weight)

    def network_probabilities(self, texts: Iterable[str], batch_size: int = 48) -> Probabilities:
        """Return what the networks alone say, tempered, `(texts, classes)`.

        Raises:
            DataError: as `probabilities`.
        """
        return tempered(self.mean_probabilities(texts, batch_size), self.scale, self.many)

    def mean_probabilities(self, texts: Iterable[str], batch_size: int = 48) -> Probabilities:
        """Return the networks' mean, before it is tempered, `(texts, classes)`.

        Raises:
            DataError: as `probabilities`.
        """
        texts = list(several_texts(texts))
        tables = [one.probabilities(texts, batch_size).double() for one in self._predictors]
        mean: Probabilities = (sum(tables[1:], tables[0]) / len(tables)).numpy()
        return mean

    def labels(self, probabilities: ArrayLike) -> list[Any]:
        """Return the class of each row, None for abstaining; a tuple where a text has many."""
        return list(self.decision.labels(probabilities))

    @property
    def many(self) -> bool:
        """Whether a text may have any number of labels."""
        return self.decision.multi_label

    def _problem(self) -> str:
        if not 1 <= len(self.networks) <= 2:
            return f"{len(self.networks)} networks were given, one or two are needed"
        for one in self.networks:
            if not isinstance(one.model, TextClassifier):
                return f"a network is a {one.kind}"
            if one.classes != self.classes:
                return f"a network has the classes {shown(one.classes)}, not {shown(self.classes)}"
            if one.model.multi_label != self.many:
                return "networks and decision do not agree whether a text may have many labels"
        if len({one.backwards for one in self.networks}) != len(self.networks):
            return "two networks read in the same direction"
        if self.linear is not None and self.linear.classes != self.classes:
            return f"the linear model has the classes {shown(self.linear.classes)}"
        if self.linear is not None and self.many:
            return "a linear model gives a text one class, where it may have many labels"
        if not number("scale", self.scale) > 0:
            return f"its scale is {self.scale!r}, not a positive number"
        if number("weight", self.weight) > 1 or (self.linear is None and self.weight != 1):
            return f"the networks' weight is {self.weight!r}"
        return ""


def tempered(
    probabilities: ArrayLike, scale: float, many: bool = False, least: float = LEAST_PROBABILITY
) -> Probabilities:
    """Return probabilities with `scale` times their logits, `(texts, classes)`.

    `many`: each column is of its own; else rows add up to one. What is below `least` counts as it.
    """
    table = np.clip(np.asarray(probabilities, dtype=np.float64), least, 1.0)
    if not many:
        return softmax(scale * np.log(table))
    table = np.minimum(table, 1 - LEAST_PROBABILITY)
    odds = scale * (np.log(table) - np.log1p(-table))
    found: Probabilities = 1 / (1 + np.exp(-odds))
    return found


def _predictor(saved: SavedModel, engine: str) -> Predictor:
    assert isinstance(saved.model, TextClassifier)
    return Predictor(saved.model, saved.tokenizer, saved.classes, saved.backwards, engine)
