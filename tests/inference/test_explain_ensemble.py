"""Explanations are of the classifier as a whole: tempered, mixed, and of the label it gives."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.files.model_folder import SavedModel
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.explain_ensemble import explain_ensemble
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab

CLASSES = ("bad", "good", "so-so")
DECISIVE = {"good": ["great", "superb"], "bad": ["awful", "dull"], "so-so": ["fair", "usual"]}
PLAIN = ["the", "film", "was", "and", "a", "plot", "it"]
TEXT = "the film was great and the plot was a dull plot"


def drawn(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return texts with one deciding word each, and labels."""
    draw = random.Random(seed)
    rows = []
    for place in range(count):
        label = CLASSES[place % len(CLASSES)]
        words = draw.choices(PLAIN, k=12)
        words[draw.randrange(12)] = draw.choice(DECISIVE[label])
        rows.append((" ".join(words), label))
    return rows


def made(weight: float = 1.0, scale: float = 1.0, backwards: bool = False, **decision) -> Ensemble:
    vocab = Vocab([*MARKERS, *PLAIN, *(word for words in DECISIVE.values() for word in words)])
    sizes = {"emb_sz": 6, "n_hid": 8, "n_layers": 1}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 1.0, sizes)
    networks = []
    for way in (False, True)[: 1 + backwards]:
        model = TextClassifier(
            config, len(CLASSES), generator=torch.Generator().manual_seed(1 + way)
        )
        networks.append(SavedModel(model.eval(), Tokenizer(vocab), CLASSES, way))
    texts, labels = zip(*drawn(120), strict=True)
    linear = fit_nbsvm(texts, labels, classes=CLASSES, calibrated=True) if weight < 1 else None
    return Ensemble(
        tuple(networks), Decision(CLASSES, **decision), scale, linear, weight, engine="float32"
    )


@pytest.mark.parametrize(
    "how",
    [{}, {"scale": 2.5}, {"weight": 0.4, "scale": 2.5}, {"weight": 0.0}, {"backwards": True}],
)
def test_the_probability_is_the_one_predicted(how: dict) -> None:
    ensemble = made(**how)
    for column, label in enumerate(CLASSES):
        found = explain_ensemble(ensemble, TEXT, label)
        assert found.label == label
        wanted = ensemble.probabilities([TEXT])[0, column]
        assert found.probability == pytest.approx(wanted, abs=1e-5)
    whole = len(how) == 0 or how == {"scale": 2.5}
    assert found.method == ("integrated-gradients" if whole else "occlusion")


@pytest.mark.parametrize("how", [{}, {"weight": 0.4}, {"backwards": True}])
def test_weights_are_read_in_float32_whatever_the_engine(how: dict, bf16_lstm: None) -> None:
    exact = made(**how)
    rounded = replace(exact, engine="bf16")
    assert (rounded.probabilities([TEXT]) != exact.probabilities([TEXT])).any()
    for label in CLASSES:
        assert explain_ensemble(rounded, TEXT, label) == explain_ensemble(exact, TEXT, label)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_weights_of_one_network_are_of_its_tempered_log_odds(scale: float) -> None:
    ensemble = made(scale=scale)
    found = explain_ensemble(ensemble, TEXT, "good")
    p = ensemble.probabilities([TEXT])[0, 1]
    (saved,) = ensemble.networks
    with torch.no_grad():  # no words: embeddings of zeros
        model = saved.model
        model.encoder.embedding.weight.zero_()
        nothing = ensemble.probabilities([TEXT])[0, 1]
    expected = np.log(p / (1 - p)) - np.log(nothing / (1 - nothing))
    assert found.gap is not None
    assert sum(found.weights) - found.gap == pytest.approx(expected, abs=1e-4)


def test_the_label_is_the_one_predicted_by_thresholds() -> None:
    plain = made()
    row = plain.probabilities([TEXT])[0]
    rare = int(row.argmin())
    thresholds = np.where(np.arange(3) == rare, 0.02, 0.49)
    ensemble = replace(plain, decision=Decision(CLASSES, thresholds=tuple(thresholds)))
    assert ensemble.labels([row]) == [CLASSES[rare]]
    assert explain_ensemble(ensemble, TEXT).label == CLASSES[rare]
    unsure = replace(plain, decision=Decision(CLASSES, abstain_below=0.99))
    assert explain_ensemble(unsure, TEXT).label == CLASSES[row.argmax()]


def test_a_word_that_stands_twice_weighs_as_much_as_once_in_what_counts_it_once() -> None:
    ensemble = made(weight=0.0)
    once = explain_ensemble(ensemble, "it was AWFUL", "bad")
    twice = explain_ensemble(ensemble, "it was AWFUL, awful", "bad")
    weight = {place.text: place.weight for place in twice.places()}
    assert weight["AWFUL"] == weight["awful"] > 0
    assert [place.width for place in twice.places()] == [1, 1, 2, 1, 2]
    lone = {place.text: place.weight for place in once.places()}["AWFUL"]
    assert weight["AWFUL"] + weight["awful"] == pytest.approx(lone, rel=0.5)


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_taking_the_top_words_out_moves_the_probability_more_than_random_ones(
    weight: float,
) -> None:
    ensemble, draw = made(weight=weight), random.Random(0)
    by_top, by_others = [], []
    for text, label in drawn(24, seed=1):
        words = (text + " " + drawn(1, seed=draw.random())[0][0]).split()
        found = explain_ensemble(ensemble, " ".join(words), label)
        order = np.argsort(-np.abs(found.weights))
        column = CLASSES.index(label)
        before = found.probability
        for places, moves in [
            (order[:3], by_top),
            (draw.sample(range(len(words)), 3), by_others),
        ]:
            left = " ".join(word for place, word in enumerate(words) if place not in set(places))
            moves.append(abs(before - ensemble.probabilities([left])[0, column]))
    assert np.mean(by_top) > 3 * np.mean(by_others)
    # A sign test: 20 of 24 by chance has a probability below 0.001.
    assert sum(a > b for a, b in zip(by_top, by_others, strict=True)) >= 20


def test_a_wrong_label_is_refused_by_name() -> None:
    for weight in (1.0, 0.4):
        with pytest.raises(DataError, match="label is 'maybe'; the classes are 'bad'"):
            explain_ensemble(made(weight=weight), TEXT, "maybe")
