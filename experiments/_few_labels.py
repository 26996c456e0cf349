"""Classifiers of few labelled reviews, learned from and judged on training reviews alone.

The draws are those of `python -m benchmarks accuracy`, of the split on which its settings are
chosen. The language model that networks begin with has read all training reviews, with sampled
softmax, and is the same for every lever. It has read the judging reviews too, without their labels;
nothing here has read a test review. It is the benchmark's, and `--fresh` leaves it alone. Networks
are trained as the recipe trains them and read in int8, to save time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._accuracy_draws import Part, draw, for_settings, split_by_film
from benchmarks._accuracy_ours import encoder
from experiments._runs import HOME
from experiments._unlabelled import train_beside
from steadfit.inference.ensemble import Ensemble, Probabilities
from steadfit.linear.fit import Assumed
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import Fitted, answers_of, fit_held_out
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.linear_part import fit_linear_part, nbsvm
from steadfit.recipe.networks import HELD_OUT, Networks, Trained
from steadfit.recipe.self_training import MOST, assumed_labels
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.work import Encoder, Work
from steadfit.text.corpus import TRAIN, VALID, Corpus

ENGINE = "int8"
JUDGING = 2_000  # reviews, at even steps
QUICK_JUDGING = 60


@dataclass(frozen=True)
class Arm:
    """What a network learns from, and with which levers.

    Attributes:
        labels: of the draw.
        number: of the draw.
        passes: of the language model over the reviews.
        label_smoothing: of the network's loss.
        averaged: end each phase with the mean of its weights.
        unlabelled: a loss of reviews without labels beside (see `experiments._unlabelled.TERMS`).
        pseudo_labels: train a second network, from its encoder, on so many reviews more, those of
            whose labels the first one and NBSVM together are surest (Lee, 2013).
        quick: a few reviews and a tiny network from nothing.
    """

    labels: int
    number: int
    passes: int = 1
    label_smoothing: float = 0.0
    averaged: bool = False
    unlabelled: str | None = None
    pseudo_labels: int = 0
    quick: bool = False

    @property
    def folder(self) -> Path:
        """Where it is trained; a first network is the same with and without pseudo-labels."""
        levers = f"{self.label_smoothing:g}-{self.averaged}-{self.unlabelled}-{self.quick}"
        return HOME / "few-labels" / f"{self.labels}-{self.number}-{self.passes}-{levers}"


def learn(labels: int, number: int, **levers: Any) -> dict[str, Any]:
    """Train the classifier of an `Arm`, and return how many of the judging reviews it labels right.

    Returns:
        Shares of right answers: `network`, and `classifier`, which has NBSVM mixed in. With
        pseudo-labels both of the first network too, `first_...`, and how many pseudo-labels were
        learned, `assumed`.
    """
    arm = Arm(labels, number, **levers)
    every = split_by_film()
    split = for_settings(every)
    judging = _some(split.test, QUICK_JUDGING if arm.quick else JUDGING)
    recipe = _recipe(arm.quick, arm.number, arm.labels, arm.passes)
    how = {"label_smoothing": arm.label_smoothing, "average_weights": arm.averaged}
    recipe = replace(recipe, classifier=replace(recipe.classifier, **how))
    one = draw(split, arm.labels, arm.number)
    texts = one.unlabelled[: 200 if arm.quick else None]
    begun = Encoder(None, {}) if arm.quick else encoder(every.train.texts, recipe, False)
    corpus = Corpus(one.labelled.texts, one.labelled.labels)
    corpus = hold_out(corpus, recipe.held_out, recipe.seed)
    networks = Networks(recipe, [begun], corpus.classes, Work(arm.folder))
    if arm.unlabelled is not None:
        networks = replace(networks, learn=partial(train_beside, arm.unlabelled, texts))
    first = networks.train(corpus, None, HELD_OUT)
    found: dict[str, Any] = {}
    engine = "auto" if arm.quick else ENGINE
    for prefix, ensemble in _taught(corpus, networks, first, texts, arm.pseudo_labels, engine):
        mean = ensemble.mean_probabilities(judging.texts)
        network = replace(ensemble, linear=None, weight=1.0)
        found[f"{prefix}network"] = _right(network, mean, judging)
        found[f"{prefix}classifier"] = _right(ensemble, mean, judging)
        if arm.pseudo_labels:
            found["assumed"] = ensemble.details["assumed"]
    return found


def _taught(
    corpus: Corpus,
    networks: Networks,
    first: Trained,
    unlabelled: Sequence[str],
    pseudo_labels: int,
    engine: str,
) -> Iterator[tuple[str, Ensemble]]:
    """Yield the first network with NBSVM, then one that has learned the labels they gave."""
    recipe, valid = networks.recipe, corpus.part(VALID)
    answers = answers_of(valid, corpus.classes)

    def alone(trained: Trained) -> Ensemble:
        return replace(trained.alone, engine=engine)

    def fitted_with(trained: Trained, simple: Any) -> Fitted:
        mean = alone(trained).mean_probabilities(valid.texts)
        return fit_held_out(mean, simple, answers, corpus.classes, recipe)

    part = fit_linear_part(
        corpus, alone(first), partial(fitted_with, first), recipe, True, unlabelled
    )
    linear = nbsvm(corpus, part.assumed)

    def whole(trained: Trained, fitted: Fitted, assumed: int) -> Ensemble:
        mixed = (fitted.decision, fitted.scale, linear, fitted.weight)
        return Ensemble(trained.networks, *mixed, {"assumed": assumed}, engine)

    yield "first_" if pseudo_labels else "", whole(first, part.fitted, 0)
    if not pseudo_labels:
        return
    share = min(1.0, pseudo_labels / min(MOST, len(unlabelled)))
    teacher = part.teacher(alone(first))
    assumed = assumed_labels(teacher, corpus.part(TRAIN), unlabelled, share)
    assert assumed is not None
    second = networks.train(with_assumed(corpus, assumed), None, "pseudo-labels")
    yield "", whole(second, fitted_with(second, part.fitted.simple), len(assumed.texts))


def with_assumed(corpus: Corpus, assumed: Assumed) -> Corpus:
    """Return a corpus with more documents to learn from behind its own."""
    assert corpus.labels is not None
    assert corpus.split is not None
    return Corpus(
        [*corpus.texts, *assumed.texts],
        [*corpus.labels, *assumed.labels],
        split=[*corpus.split, *[TRAIN] * len(assumed.texts)],
    )


def _recipe(quick: bool, seed: int, labels: int, passes: int) -> Recipe:
    if not quick:
        read = LanguageModelSettings(epochs=passes, sampled=True)
        return Recipe(base="base-en", language_model=read, seed=seed).for_documents(labels)
    return Recipe(
        base=None,
        language_model=None,
        classifier=ClassifierSettings(epochs=1),
        sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
        seed=seed,
    )


def _right(classifier: Ensemble, mean: Probabilities, judging: Part) -> float:
    """Return the share of right answers, given what the networks say in the mean."""
    found = classifier.finished(mean, judging.texts).argmax(axis=1)
    answers = np.array([classifier.classes.index(label) for label in judging.labels])
    return float((found == answers).mean())


def _some(part: Part, most: int) -> Part:
    count = min(most, len(part))
    return part.select([place * len(part) // count for place in range(count)])
