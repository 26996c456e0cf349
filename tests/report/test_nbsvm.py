"""NBSVM against its formulas, written out without scikit-learn."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from steadfit.report.nbsvm import nbsvm_baseline

WORDS = ["film", "plot", "good", "bad", "not", "actor", "warm", "dull"]


def ngrams(text: str) -> set[str]:
    words = text.split()
    return {*words, *(" ".join(pair) for pair in pairwise(words))}


def margins_by_hand(train: list[str], positive: list[bool], test: list[str]) -> np.ndarray:
    vocabulary = sorted(set().union(*map(ngrams, train)))

    def share(gram: str, side: bool) -> float:
        texts = [ngrams(text) for text, of in zip(train, positive, strict=True) if of == side]
        return (1 + sum(gram in text for text in texts)) / sum(
            1 + sum(other in text for text in texts) for other in vocabulary
        )

    ratios = [math.log(share(gram, True) / share(gram, False)) for gram in vocabulary]

    def weigh(texts: list[str]) -> np.ndarray:  # ends in a one: the bias is a weight like others
        rows = [
            [ratio * (gram in ngrams(text)) for gram, ratio in zip(vocabulary, ratios, strict=True)]
            for text in texts
        ]
        return np.hstack([np.array(rows), np.ones((len(texts), 1))])

    x, sign = weigh(train), np.where(positive, 1.0, -1.0)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        gap = np.maximum(0, 1 - sign * (x @ w))
        return float(w @ w / 2 + 0.01 * (gap**2).sum()), w - 0.02 * (gap * sign) @ x

    w = minimize(objective, np.zeros(x.shape[1]), jac=True, options={"gtol": 1e-9}).x
    return weigh(test) @ w


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_machine_of_the_paper_made_by_hand(classes: int) -> None:
    rng = random.Random(classes)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(2, 7))) for _ in range(70)]
    labels = [min(classes - 1, ("good" in text) + ("not" in text)) for text in texts]
    train, test = texts[:40], texts[40:]
    result = nbsvm_baseline(train, labels[:40], test, labels[40:])
    assert len(result.classes) == classes
    for column, label in enumerate(result.classes):
        by_hand = margins_by_hand(train, [other == label for other in labels[:40]], test)
        assert result.scores[:, column] == pytest.approx(by_hand, abs=2e-4)
    assert result.accuracy > 0.7


def test_how_often_a_word_stands_in_a_text_does_not_matter() -> None:
    train, labels = ["good film", "bad film", "bad plot"], [1, 0, 0]
    once, often = nbsvm_baseline(train, labels, ["good", "good good good"], [1, 1]).scores
    assert once.tolist() == often.tolist()


def test_the_same_call_has_the_same_scores() -> None:
    rng = random.Random(7)
    texts = [" ".join(rng.choices(WORDS, k=5)) for _ in range(60)]
    labels = [rng.randrange(2) for _ in texts]  # nothing to learn: a solver's order would show
    first, second = (nbsvm_baseline(texts, labels, texts, labels).scores for _ in range(2))
    assert first.tolist() == second.tolist()
