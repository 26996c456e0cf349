"""The linear model beside the networks: NBSVM of labelled texts, or of what it is taught too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.inference.blend import ALWAYS
from steadfit.inference.ensemble import Ensemble
from steadfit.linear.counting import NothingToCount
from steadfit.linear.fit import Assumed
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import Fitted, answers_of
from steadfit.recipe.self_training import assumed_labels
from steadfit.text.corpus import TRAIN, VALID, Corpus

Table = NDArray[np.float64]


class LinearPart(NamedTuple):
    """What is fitted with the linear model that is mixed in, and what that learned beside labels.

    Attributes:
        fitted: with the linear model that was chosen.
        baseline: (texts, classes), what NBSVM of the labelled texts alone says of those held out,
            if it was asked.
        assumed: what the one that was chosen has learned beside them, or None.
        linear: the one that was chosen, of what is not held out; None without one.
    """

    fitted: Fitted
    baseline: Table | None = None
    assumed: Assumed | None = None
    linear: LinearModel | None = None

    def teacher(self, networks: Ensemble) -> Ensemble:
        """Return networks and linear model together, mixed as is best on the texts held out."""
        fitted = self.fitted
        weight = 1.0 if fitted.blend is None else fitted.blend.best_weight
        linear = None if weight == 1 else self.linear
        mixed = (fitted.scale, linear, weight)
        return Ensemble(networks.networks, networks.decision, *mixed, engine=networks.engine)


def nbsvm(corpus: Corpus, assumed: Assumed | None = None) -> LinearModel:
    """Return NBSVM, calibrated, of labelled texts."""
    assert corpus.labels is not None
    return fit_nbsvm(
        corpus.texts, corpus.labels, classes=corpus.classes, calibrated=True, assumed=assumed
    )


def fit_linear_part(
    corpus: Corpus,
    networks: Ensemble,
    fit: Callable[[Table | None], Fitted],
    recipe: Recipe,
    mixing: bool,
    unlabeled: Sequence[str] = (),
) -> LinearPart:
    """Fit what is held out with NBSVM, and with one that was taught, if there is a teacher.

    The one that was taught is taken unless it is wrong more often on the texts held out, by more
    than the standard error of the difference.

    Args:
        corpus: labelled, with a split.
        networks: trained.
        fit: fits temperature, blend and thresholds with what a linear model says of texts held out.
        recipe: the choices.
        mixing: whether a linear model may be mixed in.
        unlabeled: texts without labels.

    Raises:
        NothingToCount: NBSVM always has to be mixed in, and the texts share no words.
    """
    if recipe.blend is None or corpus.multi_label:  # not even a baseline
        return LinearPart(fit(None))
    train, valid = corpus.part(TRAIN), corpus.part(VALID)
    try:
        first = nbsvm(train)
    except NothingToCount as error:
        if recipe.blend == ALWAYS:
            raise
        say(f"NBSVM is left out. {error}")
        return LinearPart(fit(None))
    baseline = first.probabilities(valid.texts)
    part = LinearPart(fit(baseline), baseline, None, first)
    if not mixing or part.fitted.blend is None:
        return part
    assumed = assumed_labels(part.teacher(networks), train, unlabeled, recipe.self_training)
    if assumed is None:
        return part
    taught = nbsvm(train, assumed)
    found = taught.probabilities(valid.texts)
    if _worse(found, baseline, answers_of(valid, corpus.classes)):
        return part
    return LinearPart(fit(found), baseline, assumed, taught)


def mixing_allowed(corpus: Corpus, recipe: Recipe, weighed: bool) -> bool:
    """Tell whether NBSVM, which knows no weights, may be mixed in.

    Raises:
        DataError: it has to be, and gives one class only where texts may have several.
    """
    if recipe.blend == ALWAYS and corpus.multi_label:
        raise DataError(
            "blend='always' was asked for, but NBSVM gives each text one class, and these texts "
            "may have several; take 'auto' or None."
        )
    weighed = weighed or recipe.class_weight is not None
    return recipe.blend == ALWAYS or (
        recipe.blend is not None and not weighed and not corpus.multi_label
    )


def _worse(first: Table, second: Table, codes: NDArray[np.int64]) -> bool:
    """Tell whether the first is wrong more often, by more than the standard error of that.

    Log loss would tell more of few texts, but a model that was taught is less sure of what a
    labelled text alone would have told it, and that is no reason against it.
    """
    more = (first.argmax(axis=1) != codes) * 1.0 - (second.argmax(axis=1) != codes)
    return len(more) > 1 and float(more.mean()) > float(more.std(ddof=1)) / np.sqrt(len(more))
