"""A trained classifier → the same, trained further on more documents."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel
from steadfit.files.pretrained import DIRECTIONS
from steadfit.inference.ensemble import Ensemble
from steadfit.models.classifier import TextClassifier
from steadfit.recipe.account import described, held_out_figures
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import answers_of, fit_held_out
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.network import Reading, train_network
from steadfit.recipe.networks import judged_batches
from steadfit.recipe.weights import class_weights_of
from steadfit.recipe.work import Work
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.values import refuse_other_labels

FEWEST_HELD_OUT = 30  # below, a temperature is mostly chance


def train_further(
    ensemble: Ensemble,
    corpus: Corpus,
    recipe: Recipe,
    work: Work,
    weights: NDArray[Any] | None = None,
) -> Ensemble:
    """Train an ensemble's networks on more documents, from the weights as they are.

    All layers learn at once, as in the recipe's last phase, from these documents alone. Where
    `FEWEST_HELD_OUT` can be held out, what was fitted on held-out texts is fitted anew on them;
    otherwise all are learned from, and scale, weight and decision stay, and there are no figures.
    Those of a split that is there are never learned from. Vocabulary and linear model stay as they
    are, and so does the ensemble given. Nothing is refitted on all in the end.

    Args:
        ensemble: is not changed.
        corpus: documents with labels of its classes; some of the classes may be missing. A "valid"
            of its split is held out instead of some of the others.
        recipe: the choices.
        work: where to work.
        weights: (documents,), how much each counts; None is one each.

    Raises:
        DataError: other classes, or fewer than two documents.
    """
    if corpus.labels is None or len(corpus) < 2:
        raise DataError("Two labelled documents at least are needed to go on with.")
    refuse_other_labels(corpus.labels, ensemble.classes)
    classes = ensemble.classes
    if ensemble.weight == 0:
        warnings.warn(
            "NBSVM alone predicts here, as the networks added nothing on texts held out; they "
            "learn, but labels change only if they earn a weight. Train with blend=None to go by "
            "the networks.",
            stacklevel=3,
        )
    given = corpus.split is not None
    held_out = len(corpus.part(VALID)) if given else recipe.held_out * len(corpus)
    fitting = held_out >= FEWEST_HELD_OUT
    if fitting:
        corpus = hold_out(corpus, recipe.held_out, recipe.seed)
    networks = tuple(_further(one, corpus, recipe, work, weights) for one in ensemble.networks)
    made = replace(ensemble, networks=networks)
    # What the weights of before reached says nothing of these.
    outdated = ("figures", "test")
    details = {name: told for name, told in ensemble.details.items() if name not in outdated}
    details["continued"] = [*ensemble.details.get("continued", []), described(corpus)]
    if not fitting:
        return replace(made, details=details)
    valid = corpus.part(VALID)
    answers = answers_of(valid, classes)
    mean = made.mean_probabilities(valid.texts)
    simple = None if ensemble.linear is None else ensemble.linear.probabilities(valid.texts)
    fitted = fit_held_out(mean, simple, answers, classes, recipe, simple is not None)
    return replace(
        made,
        decision=fitted.decision,
        scale=fitted.scale,
        weight=fitted.weight,
        details={**details, "figures": held_out_figures(fitted, answers)},
    )


def _further(
    saved: SavedModel,
    corpus: Corpus,
    recipe: Recipe,
    work: Work,
    weights: NDArray[Any] | None,
) -> SavedModel:
    assert isinstance(saved.model, TextClassifier)
    store, vocab = prepare_tokens(
        corpus, vocab=saved.tokenizer.vocab, classes=saved.classes, cache=work.cache
    )
    rows = np.arange(len(store)) if corpus.split is None else store.rows(TRAIN)
    counts = store.class_counts(rows, len(saved.classes))
    reading = Reading(
        store,
        vocab,
        backwards=saved.backwards,
        weights=weights,
        class_weights=class_weights_of(recipe.class_weight, saved.classes, counts),
    )
    valid = None
    if recipe.patience is not None and corpus.split is not None:
        valid = judged_batches(store, saved.backwards)
    model = train_network(
        reading,
        rows,
        recipe.classifier,
        valid=valid,
        patience=None if valid is None else recipe.patience,
        callbacks=work.callbacks,
        seed=recipe.seed,
        checkpoints=work.checkpoints(DIRECTIONS[saved.backwards]),
        model=copy.deepcopy(saved.model),
    )
    return replace(saved, model=model.eval())
