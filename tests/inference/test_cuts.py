"""The best threshold of one class, beside all of them tried one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from steadfit.inference.cuts import best_class_threshold, best_label_threshold

METRICS = ("accuracy", "macro-f1", "balanced-accuracy", "f1:b")


def judged(metric: str, table: np.ndarray, thresholds: np.ndarray, truth: np.ndarray) -> float:
    codes = (table / thresholds).argmax(axis=1)
    if metric == "accuracy":
        return float(np.mean(codes == truth))
    if metric == "balanced-accuracy":
        return float(np.mean([np.mean(codes[truth == k] == k) for k in set(truth.tolist())]))
    if metric == "f1:b":
        return f1_score(truth == 1, codes == 1, zero_division=0)
    return f1_score(truth, codes, average="macro", zero_division=0)


@pytest.mark.parametrize("metric", METRICS)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 4))
def test_no_other_threshold_of_a_class_is_better(
    metric: str, seed: int, texts: int, occurring: int
) -> None:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(4) / 2, size=texts)
    truth = rng.integers(occurring, size=texts)  # of four classes some may have no text
    thresholds = np.array([0.3, 0.2, 0.4, 0.1])
    found = thresholds.copy()
    found[1] = best_class_threshold(metric, 1, table, truth, thresholds)
    others = np.delete(table / thresholds, 1, axis=1).max(axis=1)
    ends = np.unique(np.append(table[:, 1] / others, 0.0))
    ends = ends[np.isfinite(ends)]
    scores = []
    for cut in [*(ends[1:] + ends[:-1]) / 2, 2 * ends[-1] + 1]:
        tried = thresholds.copy()
        tried[1] = cut
        scores.append(judged(metric, table, tried, truth))
    assert judged(metric, table, found, truth) == pytest.approx(max(scores))


def test_a_threshold_that_is_as_good_as_any_stays_as_it_is() -> None:
    shares = np.array([0.1, 0.3, 0.7, 0.9])
    table, truth = np.stack([1 - shares, shares], axis=1), np.array([0, 0, 1, 1])
    for present in (0.31, 0.5, 0.69):
        thresholds = np.array([1 - present, present])
        assert best_class_threshold("accuracy", 1, table, truth, thresholds) == present
        assert best_label_threshold("macro-f1", shares, truth == 1, present) == present
    assert best_label_threshold("macro-f1", shares, truth == 1, 0.2) == 0.5


def test_of_two_that_are_as_good_the_nearer_is_taken() -> None:
    # Above 0.2 or above 0.8: three of four are right either way, and two are between.
    has = np.array([False, True, False, True])
    shares = np.array([0.1, 0.3, 0.7, 0.9])
    assert best_label_threshold("accuracy", shares, has, 0.55) == pytest.approx(0.8)
    assert best_label_threshold("accuracy", shares, has, 0.45) == pytest.approx(0.2)


def test_what_is_surely_so_or_not_has_a_threshold_too() -> None:
    never, always = np.zeros(3), np.ones(3)
    for shares in (never, always):
        for has in (np.ones(3, dtype=bool), np.zeros(3, dtype=bool)):
            assert best_label_threshold("accuracy", shares, has, 0.5) == 0.5
    assert best_label_threshold("accuracy", np.full(2, 5e-324), np.zeros(2, dtype=bool), 5e-324) > 0
