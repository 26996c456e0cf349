"""A second round of training, in which networks learn pseudo-labels too.

Lee (2013), with a teacher as in self-training (Scudder, 1965): networks begin again from their
encoders and learn labelled documents and texts without labels, with the labels of which the first
networks and NBSVM together are surest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.linear.fit import Assumed
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import Fitted
from steadfit.recipe.linear_part import worse
from steadfit.recipe.networks import PSEUDO, Networks, Trained
from steadfit.recipe.self_training import FEWEST
from steadfit.text.corpus import TRAIN, VALID, Corpus


class Round(NamedTuple):
    """Networks, what they learned from, and what was fitted with them on the texts held out.

    Attributes:
        corpus: with a split; labels of what is to be learned from may be pseudo-labels.
        weights: (documents,), how much each counts in training; None is one each.
        trained: the networks.
        fitted: with what they say of the texts held out.
        seconds: that training took, in this round and the one before it.
    """

    corpus: Corpus
    weights: NDArray[Any] | None
    trained: Trained
    fitted: Fitted
    seconds: float


def check_pseudo_labels(corpus: Corpus, recipe: Recipe, unlabeled: Sequence[str]) -> None:
    """Check that there can be pseudo-labels, if there are to be any.

    Raises:
        DataError: texts may have several labels, or too few have none.
    """
    if not recipe.pseudo_labels:
        return
    wished = f"pseudo_labels is {recipe.pseudo_labels}, but"
    if corpus.multi_label:
        raise DataError(
            f"{wished} these texts may have several labels each; leave pseudo_labels at 0."
        )
    if len(unlabeled) < FEWEST:
        raise DataError(
            f"{wished} {len(unlabeled)} texts without labels were given; give {FEWEST} or more, or "
            "leave pseudo_labels at 0."
        )


def second_round(
    first: Round,
    assumed: Assumed,
    networks: Networks,
    fit: Callable[[NDArray[np.float64], NDArray[np.float64] | None], Fitted],
    answers: NDArray[np.int64],
) -> Round:
    """Let networks learn pseudo-labels too, and return the better round.

    The second one is, unless it is wrong more often on the texts held out, by more than the
    standard error of the difference.

    Args:
        first: the round before.
        assumed: texts with pseudo-labels.
        networks: how they are trained.
        fit: fits with what networks and a linear model say of the texts held out.
        answers: of the texts held out.
    """
    say(f"The network learns once more, with pseudo-labels of {len(assumed.texts)} texts.")
    corpus, weights = _with(first, assumed)
    trained = networks.train(corpus, weights, PSEUDO)
    seconds = first.seconds + trained.seconds
    mean = trained.alone.mean_probabilities(corpus.part(VALID).texts)
    fitted = fit(mean, first.fitted.simple)
    if worse(fitted.probabilities, first.fitted.probabilities, answers):
        say("Pseudo-labels are left out: with them more of the texts held out were wrong.")
        return first._replace(seconds=seconds)
    return Round(corpus, weights, trained, fitted, seconds)


def _with(first: Round, assumed: Assumed) -> tuple[Corpus, NDArray[Any] | None]:
    """Return corpus and weights of a round with more texts, which nobody holds out, behind."""
    corpus, more = first.corpus, len(assumed.texts)
    assert corpus.labels is not None
    assert corpus.split is not None
    wider = Corpus(
        [*corpus.texts, *assumed.texts],
        [*corpus.labels, *assumed.labels],
        split=[*corpus.split, *[TRAIN] * more],
    )
    if first.weights is None:
        return wider, None
    return wider, np.concatenate([first.weights, np.ones(more)])
