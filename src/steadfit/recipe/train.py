"""Texts and labels → a classifier, by the whole recipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel
from steadfit.files.pretrained import DIRECTIONS
from steadfit.files.transfer import read_pretrained
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.recipe.account import described, duplicates_between, held_out_figures
from steadfit.recipe.base import AUTO, base_for
from steadfit.recipe.choices import BOTH, Recipe
from steadfit.recipe.fitted import Fitted, answers_of, fit_held_out
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.language_model import TooLittleText, train_language_model
from steadfit.recipe.linear_part import fit_linear_part, mixing_allowed, nbsvm
from steadfit.recipe.network import Reading, best_epochs, train_network
from steadfit.recipe.weights import class_weights_of
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import SUBWORDS, Tokenizer
from steadfit.training.events import Callback
from steadfit.training.history import History

__all__ = ["BOTH", "Encoder", "Recipe", "train", "train_encoder", "train_ensemble"]
JUDGED = 64  # documents of a batch that is not learned from


class Encoder(NamedTuple):
    """What a classifier begins with: a folder or a name, or None, and figures of its training."""

    place: str | Path | None
    figures: dict[str, Any]


class Work(NamedTuple):
    """Where a training works, and who listens.

    Attributes:
        folder: for language models and checkpoints.
        resumable: write checkpoints, so that the same call goes on where it was stopped.
        cache: where token stores are kept; None is the usual place.
        callbacks: of every fit.
    """

    folder: Path
    resumable: bool = True
    cache: Path | None = None
    callbacks: Sequence[Callback] = ()

    def checkpoints(self, *names: str) -> Path | None:
        """Return a folder for the checkpoints of something, below `folder`."""
        return self.folder.joinpath(*names) if self.resumable else None


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
        unlabeled: more texts of the kind; none of a text the classifier will be judged by.
        weights: (documents,), how much each counts in training; None is one each.
    """
    work = _work(folder)
    recipe = recipe.for_documents(len(labelled))
    corpus = hold_out(labelled, recipe.held_out, recipe.seed)
    # What is wrong is told before hours are spent.
    mixing_allowed(corpus, recipe, weights is not None)
    _check_classes(corpus.part(TRAIN), corpus.part(VALID))
    duplicates = duplicates_between(corpus)
    texts = Corpus([*corpus.part(TRAIN).texts, *unlabeled])
    base: str | Path | None = recipe.base
    if base == AUTO:
        # What there is for English was trained on words.
        base = None if recipe.tokenizer == SUBWORDS else base_for(texts.texts)
    encoders = [train_encoder(texts, recipe, base, way, work) for way in recipe.directions]
    made = train_ensemble(corpus, recipe, encoders, work, weights, unlabeled)
    return replace(made, details={**made.details, "duplicates": duplicates})


def train_encoder(
    texts: Corpus, recipe: Recipe, base: str | Path | None, backwards: bool, folder: Path | Work
) -> Encoder:
    """Train a language model on the task's texts, below `folder`; it goes on where it stopped.

    Where there is too little text for one, the base is taken as it is.
    """
    if recipe.language_model is None:
        return Encoder(base, {})
    work = _work(folder)
    name = f"language-model-{_named(backwards)}"
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
) -> Ensemble:
    """Train a classifier on labelled documents; it goes on where it was stopped.

    Args:
        corpus: labelled; what is "valid" in its split is not learned from but by `refit`.
        recipe: the choices.
        encoders: one for each of `recipe.directions`.
        folder: for checkpoints.
        weights: (documents,), how much each counts in training; None is one each.
        unlabeled: texts that NBSVM is taught on, if it is mixed in.

    Raises:
        DataError: a class that no document to learn from has, or "always" a blend that cannot be.
    """
    work, classes = _work(folder), corpus.classes
    mixing = mixing_allowed(corpus, recipe, weights is not None)
    valid = corpus.part(VALID)
    _check_classes(corpus.part(TRAIN), valid)
    answers = answers_of(valid, classes)
    ways = list(zip(encoders, recipe.directions, strict=True))
    trained = [_network(corpus, recipe, *way, work, "held-out", weights) for way in ways]
    networks = tuple(one.saved for one in trained)
    alone = Ensemble(networks, Decision(classes, multi_label=corpus.multi_label))
    mean = alone.mean_probabilities(valid.texts)

    def fit(simple: NDArray[Any] | None) -> Fitted:
        return fit_held_out(mean, simple, answers, classes, recipe, mixing)

    began = time.perf_counter()
    part = fit_linear_part(corpus, alone, fit, recipe, mixing, unlabeled)
    fitted = part.fitted
    linear = nbsvm(corpus, part.assumed) if fitted.weight < 1 else None
    seconds = _seconds(networks) + time.perf_counter() - began
    if recipe.refit:
        networks = tuple(
            _network(corpus, recipe, *way, work, "all", weights, like=one.epochs).saved
            for way, one in zip(ways, trained, strict=True)
        )
        seconds += _seconds(networks)
    details = {
        "data": described(corpus),
        "figures": held_out_figures(fitted, answers, part.baseline),
        "assumed_labels": 0 if part.assumed is None else len(part.assumed.texts),
        "language_model": {
            DIRECTIONS[way]: encoder.figures for encoder, way in ways if encoder.figures
        },
        "training_seconds": round(seconds, 1),
        "recipe": recipe.to_json(),
    }
    return Ensemble(networks, fitted.decision, fitted.scale, linear, fitted.weight, details)


class _Trained(NamedTuple):
    saved: SavedModel
    epochs: list[int] | None  # of each phase until its best one, where it could be stopped early


def _network(
    corpus: Corpus,
    recipe: Recipe,
    encoder: Encoder,
    backwards: bool,
    work: Work,
    side: str,
    weights: NDArray[Any] | None,
    like: Sequence[int] | None = None,
) -> _Trained:
    """Train one network on what is not held out, or on all of it."""
    vocab = None
    if encoder.place is not None:
        vocab = read_pretrained(encoder.place, backwards).saved.tokenizer.vocab
    store, vocab = prepare_tokens(
        corpus,
        vocab=vocab,
        classes=corpus.classes,
        tokenizer=None if vocab is not None else recipe.tokenizer,
        vocab_size=recipe.pieces,
        cache=work.cache,
    )
    rows = np.arange(len(store)) if side == "all" else store.rows(TRAIN)
    counts = store.class_counts(rows, len(corpus.classes))
    reading = Reading(
        store,
        vocab,
        encoder.place,
        recipe.sizes,
        backwards,
        weights,
        class_weights_of(recipe.class_weight, corpus.classes, counts),
    )
    stoppable = recipe.patience is not None and side != "all"
    valid = None
    if stoppable:
        valid = DocumentBatches(
            store, store.rows(VALID), JUDGED, shuffle=False, backwards=backwards
        )
    history = History()
    model = train_network(
        reading,
        rows,
        recipe.classifier,
        valid=valid,
        patience=recipe.patience if stoppable else None,
        callbacks=work.callbacks,
        seed=recipe.seed,
        checkpoints=work.checkpoints(side, _named(backwards)),
        history=history,
        epochs=like,
    )
    figures = {"training_seconds": round(sum(epoch.seconds for epoch in history.epochs), 1)}
    tokenizer = Tokenizer.of(vocab)
    saved = SavedModel(model.eval(), tokenizer, corpus.classes, backwards, metrics=figures)
    return _Trained(saved, best_epochs(history) if stoppable else None)


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


def _work(folder: Path | Work) -> Work:
    return folder if isinstance(folder, Work) else Work(folder)


def _seconds(networks: Sequence[SavedModel]) -> float:
    return sum(one.metrics["training_seconds"] for one in networks)


def _named(backwards: bool) -> str:
    return DIRECTIONS[backwards]
