"""Tuned thresholds, beside all others tried one by one with scikit-learn's metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from steadfit.core.errors import DataError
from steadfit.inference.decision import Decision
from steadfit.inference.tuning import tune_decision
from steadfit.linear.calibration import softmax

METRICS = ("accuracy", "macro-f1", "balanced-accuracy", "f1:b")
NAMES = ("a", "b", "c", "d")


def judged(metric: str, truth: np.ndarray, codes: np.ndarray) -> float:
    if metric == "accuracy":
        return accuracy_score(truth, codes)
    if metric == "balanced-accuracy":
        return float(np.mean([np.mean(codes[truth == k] == k) for k in set(truth.tolist())]))
    if metric == "macro-f1":
        return f1_score(truth, codes, average="macro", zero_division=0)
    return f1_score(truth == 1, codes == 1, zero_division=0)


def by_rule(table: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The rule in words: largest quotient, then largest probability, then first."""
    codes = []
    for row in table:
        keys = [(p / t, p, -k) for k, (p, t) in enumerate(zip(row, thresholds, strict=True))]
        codes.append(keys.index(max(keys)))
    return np.array(codes)


def random_table(seed: int, texts: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, size=texts, p=softmax(-1.0 * np.arange(classes)[None])[0])
    table = softmax(rng.normal(size=(texts, classes)) + np.eye(classes)[truth])
    return np.round(table, 2) / np.round(table, 2).sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 10_000), texts=st.integers(1, 25))
def test_of_two_classes_no_threshold_is_better(metric: str, seed: int, texts: int) -> None:
    table, truth = random_table(seed, texts, 2)
    found = tune_decision(table, truth, NAMES[:2], metric)
    ends = np.unique(np.concatenate([[0.0, 1.0], table[:, 1]]))
    cuts = [*(ends[1:] + ends[:-1]) / 2, 0.5]
    best = max(judged(metric, truth, by_rule(table, np.array([1 - t, t]))) for t in cuts)
    assert found.found_score == pytest.approx(best)
    assert found.found_score == pytest.approx(judged(metric, truth, found.found.codes(table)))
    assert found.untuned_score == pytest.approx(judged(metric, truth, table.argmax(axis=1)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(4))
def test_of_more_classes_no_other_threshold_of_one_class_is_better(metric: str, seed: int) -> None:
    table, truth = random_table(seed, 30, 4)
    found = tune_decision(table, truth, NAMES, metric)
    assert found.found_score >= found.untuned_score
    thresholds = np.array(found.found.thresholds)
    for column in (1,) if metric == "f1:b" else range(4):
        others = np.delete(table / thresholds, column, axis=1).max(axis=1)
        ends = np.unique(np.concatenate([[0.0], table[:, column] / others]))
        for cut in [*(ends[1:] + ends[:-1]) / 2, 2 * ends[-1]]:
            tried = thresholds.copy()
            tried[column] = cut
            reached = judged(metric, truth, by_rule(table, tried))
            assert reached <= found.found_score + 1e-9


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 10_000), texts=st.integers(1, 20))
def test_of_many_labels_no_thresholds_are_better(metric: str, seed: int, texts: int) -> None:
    rng = np.random.default_rng(seed)
    has = rng.random((texts, 2)) < 0.3
    table = np.round(np.clip(rng.random((texts, 2)) * 0.7 + 0.3 * has, 0, 1), 1)
    found = tune_decision(table, has, NAMES[:2], metric, multi_label=True)
    each = {"f1:b": "f1:b", "macro-f1": "f1:b"}.get(metric, metric)
    best = []
    for k in range(2):
        ends = np.unique(np.append(table[:, k], [0.0, 1.0]))
        cuts = [*(ends[1:] + ends[:-1]) / 2, 0.5, 1.0]
        scores = [judged(each, has[:, k] * 1, (table[:, k] >= t) * 1) for t in cuts]
        best.append(max(scores))
    assert found.found_score == pytest.approx(best[1] if metric == "f1:b" else np.mean(best))
    if metric == "f1:b":
        assert found.found.thresholds[0] == 0.5


def rare_class(texts: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right, of which one in ten is of the second class."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(texts) < 0.1).astype(np.int64)
    odds = np.log(0.1 / 0.9) + 1.5 * (rng.normal(size=texts) + 1.5 * truth - 0.75)
    return softmax(np.stack([np.zeros(texts), odds], axis=1)), truth


def test_a_threshold_that_helps_a_rare_class_is_kept() -> None:
    table, truth = rare_class(600)
    found = tune_decision(table, truth, ["no", "yes"], "macro-f1")
    assert found.kept
    assert found.decision == found.found
    assert found.decision.metric == "macro-f1"
    assert 0.1 < found.decision.thresholds[1] < 0.45
    others, answers = rare_class(5_000, seed=1)
    tuned, plain = found.decision.codes(others), others.argmax(axis=1)
    assert judged("macro-f1", answers, tuned) > judged("macro-f1", answers, plain) + 0.02


def test_thresholds_that_fit_noise_are_mostly_not_kept() -> None:
    kept = better = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        chance = rng.random(40)
        truth = (rng.random(40) < chance).astype(np.int64)
        found = tune_decision(np.stack([1 - chance, chance], 1), truth, NAMES[:2], "accuracy")
        kept += found.kept
        better += found.found_score > found.untuned_score
    assert better >= 20  # nothing is to be gained, and it nearly always looks so
    assert kept <= 5


@pytest.mark.parametrize("texts", [1, 3])
def test_a_handful_of_texts_changes_nothing(texts: int) -> None:
    table, truth = np.tile([0.6, 0.4], (texts, 1)), np.ones(texts, dtype=np.int64)
    found = tune_decision(table, truth, NAMES[:2], "accuracy")
    assert found.found_score == 1
    assert not found.kept
    assert found.decision == Decision(NAMES[:2])


def test_the_same_seed_gives_the_same_and_the_order_of_halves_is_drawn() -> None:
    table, truth = rare_class(100)
    once, again, other = (
        tune_decision(table, truth, ["no", "yes"], seed=seed) for seed in (3, 3, 4)
    )
    assert once == again
    assert once.found == other.found
    assert once.gain != other.gain


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "f1"},
        {"metric": "f1:z"},
        {"classes": ["a"]},
        {"classes": ["a", "a"]},
        {"classes": NAMES},
        {"answers": [0, 2]},
        {"answers": []},
        {"probabilities": [[0.5, 0.6], [0.5, 0.5]]},
        {"multi_label": True},
        {"seed": -1},
    ],
)
def test_what_cannot_be_tuned_is_refused(change: dict[str, Any]) -> None:
    fine = {"probabilities": [[0.5, 0.5], [0.2, 0.8]], "answers": [0, 1], "classes": ["a", "b"]}
    tune_decision(**fine)
    with pytest.raises(DataError):
        tune_decision(**{**fine, **change})
