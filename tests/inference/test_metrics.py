"""Metrics from counts, beside those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from steadfit.core.errors import DataError
from steadfit.inference.metrics import Counts, check_metric, metric_of, metric_of_label

CLASSES = ("a", "b", "c", "d")
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def counts(truth: np.ndarray, given: np.ndarray) -> Counts:
    right = np.bincount(truth[truth == given], minlength=4)
    two = (np.bincount(one, minlength=4) for one in (truth, given))
    return Counts(*(one.astype(float) for one in (right, *two)))


@given(pairs)
def test_metrics_of_classes_are_those_of_scikit_learn(both: list[tuple[int, int]]) -> None:
    truth, given_ = np.array(both).T
    found = counts(truth, given_)
    recalls = [np.mean(given_[truth == k] == k) for k in set(truth.tolist())]
    assert metric_of("accuracy", found, CLASSES) == pytest.approx(accuracy_score(truth, given_))
    assert metric_of("balanced-accuracy", found, CLASSES) == pytest.approx(np.mean(recalls))
    expected = f1_score(truth, given_, average="macro", zero_division=0)
    assert metric_of("macro-f1", found, CLASSES) == pytest.approx(expected)
    for k, name in enumerate(CLASSES):
        expected = f1_score(truth == k, given_ == k, zero_division=0)
        assert metric_of(f"f1:{name}", found, CLASSES) == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_metrics_of_a_label_are_those_of_scikit_learn(both: list[tuple[bool, bool]]) -> None:
    truth, given_ = np.array(both).T
    sums = [np.array(float(one.sum())) for one in (truth & given_, truth, given_)]

    def metric(name: str) -> float:
        return float(metric_of_label(name, *sums, texts=len(truth)))

    recalls = [np.mean(given_[truth == side] == side) for side in set(truth.tolist())]
    assert metric("accuracy") == pytest.approx(accuracy_score(truth, given_))
    assert metric("balanced-accuracy") == pytest.approx(np.mean(recalls))
    assert metric("macro-f1") == pytest.approx(f1_score(truth, given_, zero_division=0))


def test_many_decisions_are_judged_at_once() -> None:
    rng = np.random.default_rng(0)
    each = [counts(*rng.integers(4, size=(2, 20))) for _ in range(5)]
    together = Counts(*(np.stack(one) for one in zip(*each, strict=True)))
    for metric in ("accuracy", "macro-f1", "balanced-accuracy", "f1:c"):
        one_by_one = [float(metric_of(metric, one, CLASSES)) for one in each]
        assert metric_of(metric, together, CLASSES).tolist() == one_by_one


@pytest.mark.parametrize("metric", ["f1", "f1:e", "f1:<class>", "recall", None])
def test_another_metric_is_refused_by_name(metric: str) -> None:
    with pytest.raises(DataError, match="macro-f1"):
        check_metric(metric, CLASSES)
