"""Texts and labels → a classifier, by the whole recipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.pretrained import DIRECTIONS
from steadfit.inference.ensemble import Ensemble
from steadfit.recipe.account import described, duplicates_between, held_out_figures, made_of
from steadfit.recipe.base import AUTO, base_for, check_directions, check_sizes
from steadfit.recipe.choices import BOTH, Recipe
from steadfit.recipe.fitted import Fitted, answers_of, fit_held_out
from steadfit.recipe.held_out import hold_out, not_judged, without_test
from steadfit.recipe.language_model import TooLittleText, train_language_model
from steadfit.recipe.linear_part import fit_linear_part, mixing_allowed, nbsvm
from steadfit.recipe.networks import ALL, HELD_OUT, Networks
from steadfit.recipe.weights import class_weights_of
from steadfit.recipe.work import Encoder, Work
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.joined_texts import joined
from steadfit.text.tokenizer import SUBWORDS

__all__ = ["BOTH", "Recipe", "train", "train_encoder", "train_ensemble"]


def train(
    labelled: Corpus,
    recipe: Recipe,
    folder: Path | Work,
    unlabeled: Sequence[str] = (),
    weights: NDArray[Any] | None = None,
) -> Ensemble:
    """Train everything: language models on all texts but those held out, then the classifier.

    Args:
        labelled: documents with labels, and groups or a split if there are any.
        recipe: the choices.
        folder: for language models and checkpoints; the same call goes on where it was stopped.
        unlabeled: more texts of the kind; none of a text the classifier will be judged by. Those
            that equal a text held out are left out.
        weights: (documents,), how much each counts in training; None is one each.
    """
    work = Work.of(folder)
    recipe = recipe.for_documents(len(labelled))
    corpus = hold_out(labelled, recipe.held_out, recipe.seed)
    # What is wrong is told before hours are spent.
    mixing_allowed(corpus, recipe, weights is not None)
    _check_classes(corpus.part(TRAIN), corpus.part(VALID))
    class_weights_of(recipe.class_weight, corpus.classes, [1] * len(corpus.classes))
    duplicates = duplicates_between(corpus)
    given, unlabeled = len(unlabeled), not_judged(unlabeled, corpus)
    if left_out := given - len(unlabeled):
        say(
            f"{left_out:,} texts without labels are left out: they stand among those held out, "
            "by which the classifier is judged."
        )
    texts = Corpus(joined(corpus.part(TRAIN).texts, unlabeled))
    base: str | Path | None = recipe.base
    if base == AUTO:
        # What there is for English was trained on words.
        base = None if recipe.tokenizer == SUBWORDS else base_for(texts.texts)
    check_directions(base, recipe.directions)
    check_sizes(base, recipe.sizes, recipe.base, recipe.directions[0])
    encoders = [train_encoder(texts, recipe, base, way, work) for way in recipe.directions]
    own = labelled.split is not None and VALID in labelled.split
    made = train_ensemble(corpus, recipe, encoders, work, weights, unlabeled, kept_apart=own)
    network = made_of(made, base, recipe.classifier, len(corpus.part(TRAIN)))
    return replace(made, details={**made.details, "network": network, "duplicates": duplicates})


def train_encoder(
    texts: Corpus, recipe: Recipe, base: str | Path | None, backwards: bool, folder: Path | Work
) -> Encoder:
    """Train a language model on the task's texts, below `folder`; it goes on where it stopped.

    Where there is too little text for one, the base is taken as it is.
    """
    if recipe.language_model is None:
        return Encoder(base, {})
    work = Work.of(folder)
    name = f"language-model-{DIRECTIONS[backwards]}"
    try:
        figures = train_language_model(
            texts,
            recipe.language_model,
            work.folder / name,
            base=base,
            sizes=recipe.sizes or None,
            backwards=backwards,
            seed=recipe.seed,
            checkpoints=work.checkpoints(f"{name}-checkpoints"),
            tokenizer=recipe.tokenizer,
            pieces=recipe.pieces,
            cache=work.cache,
            callbacks=work.callbacks,
        )
    except TooLittleText as error:
        say(f"There is no language model of these texts. {error}")
        return Encoder(base, {})
    return Encoder(work.folder / name, figures)


def train_ensemble(
    corpus: Corpus,
    recipe: Recipe,
    encoders: Sequence[Encoder],
    folder: Path | Work,
    weights: NDArray[Any] | None = None,
    unlabeled: Sequence[str] = (),
    kept_apart: bool = False,
) -> Ensemble:
    """Train a classifier on labelled documents; it goes on where it was stopped.

    Args:
        corpus: labelled; what is "valid" in its split no network learns from but by `refit`. NBSVM,
            once its weight is fitted, learns from it too. From "test" nothing learns.
        recipe: the choices.
        encoders: one for each of `recipe.directions`.
        folder: for checkpoints.
        weights: (documents,), how much each counts in training; None is one each.
        unlabeled: texts that NBSVM is taught on, if it is mixed in.
        kept_apart: NBSVM does not learn from "valid" either but by `refit`: a user's own texts to
            validate on, by which the classifier may be judged once more.

    Raises:
        DataError: a class that no document to learn from has, or "always" a blend that cannot be.
    """
    classes = corpus.classes
    mixing = mixing_allowed(corpus, recipe, weights is not None)
    valid = corpus.part(VALID)
    _check_classes(corpus.part(TRAIN), valid)
    answers = answers_of(valid, classes)
    networks = Networks(recipe, encoders, classes, Work.of(folder))
    trained = networks.train(corpus, weights, HELD_OUT)
    mean = trained.alone.mean_probabilities(valid.texts)

    def fit(simple: NDArray[Any] | None) -> Fitted:
        return fit_held_out(mean, simple, answers, classes, recipe, mixing)

    began = time.perf_counter()
    part = fit_linear_part(corpus, trained.alone, fit, recipe, mixing, unlabeled)
    fitted = part.fitted
    linear = None
    if fitted.weight < 1:
        whole = recipe.refit or not kept_apart
        linear = nbsvm(without_test(corpus), part.assumed) if whole else part.linear
    seconds = trained.seconds + time.perf_counter() - began
    if recipe.refit:
        trained = networks.train(corpus, weights, ALL, like=trained)
        seconds += trained.seconds
    details = {
        "data": described(corpus),
        "figures": held_out_figures(fitted, answers, part.baseline),
        "assumed_labels": 0 if part.assumed is None else len(part.assumed.texts),
        "language_model": {
            DIRECTIONS[way]: encoder.figures
            for encoder, way in zip(encoders, recipe.directions, strict=True)
            if encoder.figures
        },
        "training_seconds": round(seconds, 1),
        "recipe": recipe.to_json(),
    }
    return Ensemble(trained.networks, fitted.decision, fitted.scale, linear, fitted.weight, details)


def _check_classes(train: Corpus, valid: Corpus) -> None:
    if unseen := sorted({*valid.classes} - {*train.classes}):
        raise DataError(
            f"No text to learn from has the class {', '.join(map(repr, unseen[:5]))}, which texts "
            "to validate on have. Give some, or leave those texts out."
        )
    if len(train.classes) < 2:
        raise DataError(
            f"All texts have the class {train.classes[0] if train.classes else '(none)'}; a "
            "classifier needs two at least."
        )
