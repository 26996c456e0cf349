"""Explanations where a model is surer than rounding lets 1 − p say, beside its logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp, softmax

from steadfit.files.model_folder import SavedModel
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.explain import explain, explain_function
from steadfit.inference.explain_ensemble import explain_ensemble
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import UNK

WEIGHTS = {"good": 9.0, "fine": 8.0, "great": 7.0, "film": -3.0}
TEXT = "good fine great great film"
WORDS = TEXT.split()


def logits(texts: list[str]) -> np.ndarray:
    return np.array([sum(WEIGHTS.get(word, 0.0) for word in text.split()) for text in texts])


@pytest.mark.parametrize(("label", "sign"), [("pos", 1), ("neg", -1)])
def test_of_a_logistic_function_the_weights_are_those_of_its_words(label: str, sign: int) -> None:
    def says(texts: list[str]) -> np.ndarray:
        return np.column_stack([expit(-logits(texts)), expit(logits(texts))])

    found = explain_function(says, TEXT, ["neg", "pos"], label=label)
    assert found.weights == pytest.approx([sign * WEIGHTS[word] for word in WORDS])


@pytest.mark.parametrize("target", range(3))
def test_of_three_classes_weights_are_differences_of_log_odds(target: int) -> None:
    columns = np.array([1.5, -0.5, -1.0])

    def scores(text: str) -> np.ndarray:
        return logits([text])[0] * columns

    def log_odds(text: str) -> float:
        return float(scores(text)[target] - logsumexp(np.delete(scores(text), target)))

    found = explain_function(
        lambda texts: softmax([scores(text) for text in texts], axis=1), TEXT, "abc", "abc"[target]
    )
    expected = [log_odds(TEXT) - log_odds(TEXT.replace(word, " ", 1)) for word in WORDS]
    expected[3] = expected[2]  # the other "great"
    assert found.weights == pytest.approx(expected)


@pytest.mark.parametrize("told", [True, None])
def test_a_label_of_its_own_has_its_own_log_odds(told: bool | None) -> None:
    def says(texts: list[str]) -> np.ndarray:
        found = logits(texts)
        return np.column_stack([expit(found - 5), expit(found / 2), np.full(len(texts), 0.1)])

    found = explain_function(says, TEXT, "abc", "a", multi_label=told)
    # Above 16 nats of a double's 1 − p only some digits are left.
    assert found.weights == pytest.approx([WEIGHTS[word] for word in WORDS], rel=1e-3)


def test_that_labels_add_up_to_one_by_chance_can_be_told_to_say_nothing() -> None:
    def says(texts: list[str]) -> list[list[float]]:
        return [[1 - 1e-7, 1e-8] if "good" in text else [0.5, 1e-8] for text in texts]

    found = explain_function(says, "good film", "ab", "a", multi_label=True)
    assert found.weights == pytest.approx([np.log((1 - 1e-7) / 1e-7), 0], rel=1e-6)


@pytest.fixture
def sure(classifier: TextClassifier) -> TextClassifier:
    """Return a network with logits that lie far apart."""
    last = classifier.head[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.mul_(12)
    return classifier


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_a_network_by_occlusion_is_explained_by_its_logits(
    sure: TextClassifier, tokenizer: Tokenizer, scale: float
) -> None:
    text = "4 4 4"
    ids = tokenizer.encode(text)
    hidden = [ids, *([*ids[:i], UNK, *ids[i + 1 :]] for i in range(len(ids)))]
    with torch.no_grad():
        rows = scale * sure(torch.tensor(hidden), torch.full((len(hidden),), len(ids))).double()
    target = int(rows[0].argmax())
    others = rows[:, torch.arange(3) != target].logsumexp(dim=1)
    log_odds = (rows[:, target] - others).numpy()
    assert log_odds[0] > 17 * scale
    reader = Predictor(sure, tokenizer, "abc", engine="float32")
    found = explain(reader, text, "abc"[target], "occlusion", scale=scale)
    assert found.weights == pytest.approx(log_odds[0] - log_odds[1:], abs=1e-3)


def test_two_networks_that_are_sure_are_explained_by_what_they_say_unbounded(
    sure: TextClassifier, tokenizer: Tokenizer
) -> None:
    networks = tuple(SavedModel(sure, tokenizer, ("a", "b", "c"), way) for way in (False, True))
    ensemble = Ensemble(networks, Decision(("a", "b", "c")), 0.5, engine="float32")
    text = "4 4 4"
    words = text.split()
    texts = [text, *(" ".join([*words[:i], *words[i + 1 :]]) for i in range(len(words)))]
    mean = 0
    for one in networks:
        reader = Predictor(sure, tokenizer, "abc", one.backwards, "float32")
        mean = mean + reader.probabilities(texts).double().numpy() / 2
    target = int(mean[0].argmax())
    halved = 0.5 * np.log(np.maximum(mean, 1e-38))
    log_odds = halved[:, target] - logsumexp(np.delete(halved, target, axis=1), axis=1)
    assert log_odds[0] > 8.1  # what 16 nats are when they are halved
    found = explain_ensemble(ensemble, text, "abc"[target])
    assert found.weights == pytest.approx(log_odds[0] - log_odds[1:], abs=1e-3)
    assert found.probability == pytest.approx(ensemble.probabilities([text])[0, target])
