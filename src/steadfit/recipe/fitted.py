"""What is fitted on texts held out: temperature, blend with NBSVM, and thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.blend import Blend, blended, fit_blend
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import tempered
from steadfit.inference.tuning import Tuned, tune_decision
from steadfit.linear.calibration import fit_scale, fit_sigmoid_scale
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.recipe.choices import Recipe
from steadfit.text.corpus import Corpus

Table = NDArray[np.float64]
# Networks fine-tuned on few texts are surer than they are right.
USUAL_SCALE, USUAL_TEXTS = 0.5, 20


class Fitted(NamedTuple):
    """What turns the networks' mean into labels.

    Attributes:
        scale: one over the temperature.
        blend: how NBSVM is mixed in, if it was looked at.
        decision: the rule for labels.
        tuned: what speaks for its thresholds, if any were tuned for.
        network: (texts, classes), what the networks say of the texts held out, tempered.
        simple: the same of NBSVM, if it was asked.
        probabilities: the same of all parts together.
    """

    scale: float
    blend: Blend | None
    decision: Decision
    tuned: Tuned | None
    network: Table
    simple: Table | None
    probabilities: Table

    @property
    def weight(self) -> float:
        """The networks' weight; the linear model has the rest."""
        return 1.0 if self.blend is None else self.blend.weight


def fit_held_out(
    mean: Table,
    simple: Table | None,
    answers: NDArray[Any],
    classes: tuple[str, ...],
    how: Recipe,
    mixing: bool = True,
) -> Fitted:
    """Fit all of it.

    Args:
        mean: (texts, classes), what the networks say of texts held out.
        simple: the same of NBSVM, or None.
        answers: see `answers_of`.
        classes: names of the columns.
        how: which of it is wanted.
        mixing: whether NBSVM may be mixed in; otherwise it is a baseline alone.

    Raises:
        DataError: an unknown metric, or `abstain_below` out of range.
    """
    many = answers.ndim == 2
    scale = _scale(mean, answers) if how.calibrate else 1.0
    network = tempered(mean, scale, many)
    blend = None
    table = network
    if simple is not None and mixing and how.blend is not None:
        blend = fit_blend(network, simple, answers, how.blend)
        table = blended(network, simple, blend.weight)
    tuned = None
    decision = Decision(classes, multi_label=many)
    if how.metric is not None:
        tuned = tune_decision(table, answers, classes, how.metric, many, how.seed)
        decision = tuned.decision
    decision = replace(decision, abstain_below=how.abstain_below)
    return Fitted(scale, blend, decision, tuned, network, simple, table)


def answers_of(corpus: Corpus, classes: tuple[str, ...]) -> NDArray[Any]:
    """Return the column of each text's class (texts,), or which labels each has (texts, labels)."""
    assert corpus.labels is not None
    place = {name: column for column, name in enumerate(classes)}
    if not corpus.multi_label:
        return np.array([place[label] for label in corpus.labels], np.int64)
    marks = np.zeros((len(corpus), len(classes)), np.int64)
    for row, names in enumerate(corpus.labels):
        marks[row, [place[name] for name in names]] = 1
    return marks


def _scale(mean: Table, answers: NDArray[Any]) -> float:
    """Return one over the temperature, between what the texts say and what is usual.

    Of ten texts it is mostly chance. So its logarithm is a mean: of the texts', and of that of
    `USUAL_SCALE`, which counts as much as `USUAL_TEXTS` texts.
    """
    table = np.clip(mean, LEAST_PROBABILITY, 1.0)
    if answers.ndim == 1:
        found = fit_scale(np.log(table), answers)
    else:
        table = np.minimum(table, 1 - LEAST_PROBABILITY)
        found = fit_sigmoid_scale(np.log(table) - np.log1p(-table), answers)
    texts = len(answers)
    told = texts * np.log(found) + USUAL_TEXTS * np.log(USUAL_SCALE)
    return float(np.exp(told / (texts + USUAL_TEXTS)))
