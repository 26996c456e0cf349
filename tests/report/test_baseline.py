"""The linear baseline, on texts whose answer is known."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from steadfit.report.baseline import tfidf_baseline

TRAIN = ["a good film", "good and warm", "not good at all", "bad film", "not bad at all", "bad"]
LABELS = ["pos", "pos", "neg", "neg", "pos", "neg"]


def test_pairs_of_words_tell_what_single_words_cannot() -> None:
    result = tfidf_baseline(
        TRAIN, LABELS, ["not good at", "not bad at", "good"], ["neg", "pos", "neg"]
    )
    assert result.predictions == ["neg", "pos", "pos"]
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.seconds > 0


def ngrams(text: str) -> list[str]:
    words = [word for word in text.split() if len(word) > 1]
    return words + [" ".join(pair) for pair in pairwise(words)]


def test_it_is_the_converged_regression_on_weights_made_by_hand() -> None:
    rng = random.Random(0)
    words = ["film", "plot", "good", "bad", "not", "actor", "warm", "dull"]
    texts = [" ".join(rng.choices(words, k=rng.randint(2, 7))) for _ in range(90)]
    labels = [int(("good" in text) != ("not" in text)) for text in texts]
    train, test = texts[:40], texts[40:]
    vocabulary = sorted({gram for text in train for gram in ngrams(text)})
    idf = [
        1 + math.log((1 + len(train)) / (1 + sum(gram in ngrams(text) for text in train)))
        for gram in vocabulary
    ]

    def weigh(text: str) -> list[float]:
        counts = [ngrams(text).count(gram) for gram in vocabulary]
        row = [(1 + math.log(n)) * w if n else 0.0 for n, w in zip(counts, idf, strict=True)]
        return [x / math.hypot(*row) for x in row]

    x, sign = np.array([weigh(text) for text in train]), 2 * np.array(labels[:40]) - 1

    def objective(w: np.ndarray) -> float:
        margins = sign * (x @ w[:-1] + w[-1])
        return float(10 * np.logaddexp(0, -margins).sum() + w[:-1] @ w[:-1] / 2)

    def slope(w: np.ndarray) -> np.ndarray:
        pull = -sign / (1 + np.exp(sign * (x @ w[:-1] + w[-1])))
        return np.append(10 * pull @ x + w[:-1], 10 * pull.sum())

    found = minimize(objective, np.zeros(x.shape[1] + 1), jac=slope, options={"gtol": 1e-8}).x
    scores = np.array([weigh(text) for text in test]) @ found[:-1] + found[-1]
    assert np.abs(scores).min() > 0.01  # none so near the border that rounding decides
    result = tfidf_baseline(train, labels[:40], test, labels[40:])
    assert result.predictions == (scores > 0).astype(int).tolist()
    log_odds = result.scores[:, result.classes.index(1)] - result.scores[:, result.classes.index(0)]
    assert log_odds == pytest.approx(scores, abs=1e-4)
