"""Classifiers of few labelled reviews, learned from and judged on training reviews alone.

The draws are those of `python -m benchmarks accuracy`, of the split on which its settings are
chosen; so is the language model that networks begin with. It has read the judging reviews too,
without their labels, whatever the lever; nothing here has read a test review.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks._accuracy_draws import Draw, Part, Split, draw, for_settings, split_by_film
from benchmarks._accuracy_ours import encoder
from experiments._runs import HOME
from steadfit.recipe.choices import Recipe
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.settings import ClassifierSettings
from steadfit.recipe.train import train_ensemble
from steadfit.recipe.work import Encoder, Work
from steadfit.text.corpus import Corpus
from steadfit.training.events import Callback
from steadfit.training.run import Run

JUDGING = 2_000  # reviews, at even steps


class Averaged(Callback):
    """Ends a fit with the mean of its weights over the second half of its steps.

    Izmailov et al. (2018), without a rate of its own: it falls to nothing there as always. Running
    figures of batch normalisation stay those of the last step.
    """

    def on_fit_begin(self, run: Run) -> None:
        """Forget what was added up in the fit before."""
        self._steps = 0
        self._sums: list[Tensor] = []

    @torch.no_grad()
    def on_step_end(self, run: Run) -> None:
        """Add the weights up."""
        if run.state.step <= run.steps // 2:
            return
        weights = _learning(run)
        self._sums = self._sums or [torch.zeros_like(one) for one in weights]
        for total, one in zip(self._sums, weights, strict=True):
            total += one
        self._steps += 1

    @torch.no_grad()
    def on_fit_end(self, run: Run) -> None:
        """Give the model their mean."""
        for total, one in zip(self._sums, _learning(run), strict=True):
            one.copy_(total / self._steps)


def learn(
    labels: int,
    number: int,
    label_smoothing: float = 0.0,
    averaged: bool = False,
    pseudo_labels: int = 0,
    quick: bool = False,
) -> dict[str, Any]:
    """Train a classifier, and return how many of the judging reviews it labels right.

    Args:
        labels: of the draw.
        number: of the draw.
        label_smoothing: of the networks' loss.
        averaged: end each phase with a mean of weights.
        pseudo_labels: of a second round; where there are any, the first one is judged too.
        quick: a few reviews and a tiny network from nothing.

    Returns:
        Shares of right answers: `network`; with pseudo-labels, of which NBSVM is a teacher,
        `classifier` too, which has it mixed in, and both of the round before, `first_...`.
        `assumed`: how many pseudo-labels were learned from.
    """
    split = for_settings(split_by_film())
    recipe = _recipe(quick, number, labels)
    recipe = replace(recipe, classifier=replace(recipe.classifier, label_smoothing=label_smoothing))
    one = draw(split, labels, number)
    if quick:
        one = replace(one, unlabelled=one.unlabelled[:200])
    begun = Encoder(None, {}) if quick else encoder(split_by_film().train.texts, recipe, False)
    folder = HOME / "few-labels" / f"{labels}-{number}-{label_smoothing:g}-{quick}"
    callbacks = [Averaged()] if averaged else []
    work = Work(folder, resumable=not averaged, callbacks=callbacks)
    if not pseudo_labels:
        return _judged(one, replace(recipe, blend=None), begun, work, split)
    first = _judged(one, recipe, begun, work, split)
    second = _judged(one, replace(recipe, pseudo_labels=pseudo_labels), begun, work, split)
    return {**{f"first_{name}": share for name, share in first.items()}, **second}


def _recipe(quick: bool, seed: int, labels: int) -> Recipe:
    if not quick:
        return Recipe(base="base-en", seed=seed).for_documents(labels)
    return Recipe(
        base=None,
        language_model=None,
        classifier=ClassifierSettings(epochs=1),
        sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
        seed=seed,
    )


def _judged(one: Draw, recipe: Recipe, begun: Encoder, work: Work, split: Split) -> dict[str, Any]:
    corpus = Corpus(one.labelled.texts, one.labelled.labels)
    corpus = hold_out(corpus, recipe.held_out, recipe.seed)
    made = train_ensemble(corpus, recipe, [begun], work, unlabeled=one.unlabelled)
    judging = _some(split.test, 60 if recipe.base is None else JUDGING)
    mean = made.mean_probabilities(judging.texts)
    answers = np.array([made.classes.index(label) for label in judging.labels])
    tables = {"network": mean}
    if recipe.blend is not None:
        tables["classifier"] = made.finished(mean, judging.texts)
    shares = {name: float((t.argmax(axis=1) == answers).mean()) for name, t in tables.items()}
    return {**shares, "assumed": made.details["pseudo_labels"]}


def _some(part: Part, most: int) -> Part:
    count = min(most, len(part))
    return part.select([place * len(part) // count for place in range(count)])


def _learning(run: Run) -> list[Tensor]:
    return [one for one in run.model.parameters() if one.requires_grad]
