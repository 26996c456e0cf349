"""Texts and labels → a classifier, by the whole recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steadfit.data.prepare import prepare_tokens
from steadfit.files.model_folder import SavedModel
from steadfit.files.pretrained import DIRECTIONS
from steadfit.files.transfer import read_pretrained
from steadfit.inference.blend import fit_blend
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble, tempered
from steadfit.linear.calibration import fit_scale
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.recipe.account import described, held_out_figures
from steadfit.recipe.base import AUTO, base_for
from steadfit.recipe.held_out import hold_out
from steadfit.recipe.language_model import train_language_model
from steadfit.recipe.network import Reading, train_network
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import Tokenizer
from steadfit.training.history import History

BOTH = "both"


@dataclass(frozen=True)
class Recipe:
    """All choices of the recipe.

    Attributes:
        base: the language model to begin with: `auto` (see `base_for`), a name, a folder, None.
        language_model: how it is trained on the task's own texts; None leaves it as it is.
        classifier: how the classifier is trained.
        sizes: of the network, as keys of its configuration, where there is no base.
        backwards: False, True, or "both" for two networks whose probabilities are averaged.
        held_out: share of the labelled texts that calibration and blend are fitted on.
        refit: train again on all labelled texts, with what was fitted on those held out.
        blend: with NBSVM: "auto" where it helps on texts held out, "always", or None.
        seed: of everything that is drawn.
    """

    base: str | Path | None = AUTO
    language_model: LanguageModelSettings | None = field(default_factory=LanguageModelSettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    sizes: dict[str, Any] = field(default_factory=dict)
    backwards: bool | str = False
    held_out: float = 0.1
    refit: bool = False
    blend: str | None = "auto"
    seed: int = 0

    @property
    def directions(self) -> tuple[bool, ...]:
        """Whether each network reads backwards."""
        return (False, True) if self.backwards == BOTH else (bool(self.backwards),)


class Encoder(NamedTuple):
    """What a classifier begins with: a folder or a name, or None, and figures of its training."""

    place: str | Path | None
    figures: dict[str, Any]


def train_encoder(
    texts: Corpus, recipe: Recipe, base: str | Path | None, backwards: bool, folder: Path
) -> Encoder:
    """Train a language model on the task's texts, below `folder`; it goes on where it stopped."""
    if recipe.language_model is None:
        return Encoder(base, {})
    model = folder / f"language-model-{_named(backwards)}"
    figures = train_language_model(
        texts,
        recipe.language_model,
        model,
        base=base,
        sizes=recipe.sizes or None,
        backwards=backwards,
        seed=recipe.seed,
        checkpoints=model.with_name(f"{model.name}-checkpoints"),
    )
    return Encoder(model, figures)


def train_ensemble(
    corpus: Corpus, recipe: Recipe, encoders: Sequence[Encoder], folder: Path
) -> Ensemble:
    """Train a classifier on labelled documents; it goes on where it was stopped.

    Args:
        corpus: labelled; what is "valid" in its split is not learned from but by `refit`.
        recipe: the choices.
        encoders: one for each of `recipe.directions`.
        folder: for checkpoints.
    """
    classes = corpus.classes
    valid = corpus.part(VALID)
    assert valid.labels is not None
    codes = np.array([classes.index(label) for label in valid.labels], np.int64)
    decision = Decision(classes)
    ways = list(zip(encoders, recipe.directions, strict=True))
    networks = tuple(_network(corpus, recipe, *way, folder / "held-out", TRAIN) for way in ways)
    mean = Ensemble(networks, decision).mean_probabilities(valid.texts)
    scale = fit_scale(np.log(np.clip(mean, LEAST_PROBABILITY, 1.0)), codes)
    linear, blend = None, None
    if recipe.blend is not None:
        simple = _nbsvm(corpus.part(TRAIN)).probabilities(valid.texts)
        blend = fit_blend(tempered(mean, scale), simple, codes, recipe.blend)
        linear = _nbsvm(corpus) if blend.weight < 1 else None
    seconds = _seconds(networks)
    if recipe.refit:
        networks = tuple(_network(corpus, recipe, *way, folder / "all", None) for way in ways)
        seconds += _seconds(networks)
    details = {
        "data": described(corpus),
        "figures": held_out_figures(tempered(mean, scale), codes, blend),
        "language_model": {
            DIRECTIONS[way]: encoder.figures for encoder, way in ways if encoder.figures
        },
        "training_seconds": round(seconds, 1),
        "recipe": asdict(replace(recipe, base=None if recipe.base is None else str(recipe.base))),
    }
    weight = 1.0 if blend is None else blend.weight
    return Ensemble(networks, decision, scale, linear, weight, details)


def train(
    labelled: Corpus, recipe: Recipe, folder: Path, unlabeled: Sequence[str] = ()
) -> Ensemble:
    """Train everything: language models on all texts but those held out, then the classifier.

    Args:
        labelled: documents with labels, and groups or a split if there are any.
        recipe: the choices.
        folder: for language models and checkpoints; the same call goes on where it was stopped.
        unlabeled: more texts of the kind; none of a text the classifier will be judged by.
    """
    corpus = hold_out(labelled, recipe.held_out, recipe.seed)
    texts = Corpus([*corpus.part(TRAIN).texts, *unlabeled])
    base = base_for(texts.texts, recipe.base)
    encoders = [train_encoder(texts, recipe, base, way, folder) for way in recipe.directions]
    return train_ensemble(corpus, recipe, encoders, folder)


def _network(
    corpus: Corpus,
    recipe: Recipe,
    encoder: Encoder,
    backwards: bool,
    folder: Path,
    side: str | None,
) -> SavedModel:
    """Train one network on a side of the split; None is all of it."""
    vocab = None
    if encoder.place is not None:
        vocab = read_pretrained(encoder.place, backwards).saved.tokenizer.vocab
    store, vocab = prepare_tokens(corpus, vocab=vocab, classes=corpus.classes)
    reading = Reading(store, vocab, encoder.place, recipe.sizes, backwards)
    rows = np.arange(len(store)) if side is None else store.rows(side)
    history = History()
    model = train_network(
        reading,
        rows,
        recipe.classifier,
        seed=recipe.seed,
        checkpoints=folder / _named(backwards),
        history=history,
    )
    figures = {"training_seconds": round(sum(epoch.seconds for epoch in history.epochs), 1)}
    tokenizer = Tokenizer.of(vocab)
    return SavedModel(model.eval(), tokenizer, corpus.classes, backwards, metrics=figures)


def _nbsvm(corpus: Corpus) -> LinearModel:
    assert corpus.labels is not None
    return fit_nbsvm(corpus.texts, corpus.labels, classes=corpus.classes, calibrated=True)


def _seconds(networks: Sequence[SavedModel]) -> float:
    return sum(one.metrics["training_seconds"] for one in networks)


def _named(backwards: bool) -> str:
    return DIRECTIONS[backwards]
