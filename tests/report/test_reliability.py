"""Calibration beside slow loops, scikit-learn, and cases that are known."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from steadfit.core.errors import DataError
from steadfit.report.figures import save_figure
from steadfit.report.reliability import Reliability, reliability, reliability_bins
from steadfit.report.reliability_figure import figure_of_reliability

RULES = ("equal-mass", "equal-width")
forecasts = st.lists(
    st.tuples(st.integers(0, 20).map(lambda k: k / 20), st.booleans()), min_size=1, max_size=40
)


def two(chance: np.ndarray) -> np.ndarray:
    return np.stack([1 - chance, chance], axis=1)


def by_loop(confidence: np.ndarray, right: np.ndarray, borders: np.ndarray) -> float:
    """Guo et al. (2017), equation 3, over bins that hold what is above a border."""
    total = 0.0
    for low, high in pairwise(borders):
        members = [
            i
            for i, p in enumerate(confidence)
            if (low < p or (p == low == borders[0])) and p <= high
        ]
        if members:
            accuracy = sum(right[i] for i in members) / len(members)
            sure = sum(confidence[i] for i in members) / len(members)
            total += len(members) / len(right) * abs(accuracy - sure)
    return total


@pytest.mark.parametrize("classes", [2, 5])
def test_the_calibration_errors_are_those_of_the_papers(classes: int) -> None:
    rng = np.random.default_rng(classes)
    table = rng.dirichlet(np.ones(classes), size=150)
    codes = rng.integers(classes, size=150)
    found = reliability(table, codes, bins=10, resamples=1)
    sure, right = table.max(axis=1), table.argmax(axis=1) == codes
    equal = np.linspace(0, 1, 11)
    assert found.ece_equal_width.value == pytest.approx(by_loop(sure, right, equal))
    assert found.ece.value == pytest.approx(by_loop(sure, right, np.quantile(sure, equal)))
    assert {one.forecasts for one in found.bins} == {15}


@given(forecasts, st.sampled_from(RULES), st.integers(1, 12))
def test_bins_are_those_of_scikit_learn(
    pairs: list[tuple[float, bool]], rule: str, bins: int
) -> None:
    confidence, right = np.array([p for p, _ in pairs]), np.array([y for _, y in pairs])
    found = reliability_bins(confidence, right, bins, rule)
    strategy = "quantile" if rule == "equal-mass" else "uniform"
    accuracies, means = calibration_curve(right, confidence, n_bins=bins, strategy=strategy)
    assert [one.accuracy for one in found] == pytest.approx(accuracies.tolist())
    assert [one.confidence for one in found] == pytest.approx(means.tolist())
    assert sum(one.forecasts for one in found) == len(pairs)


@given(forecasts, st.sampled_from(RULES), st.randoms())
def test_the_order_of_texts_does_not_matter(
    pairs: list[tuple[float, bool]], rule: str, random: Any
) -> None:
    shuffled = random.sample(pairs, len(pairs))
    one, other = (
        reliability_bins([p for p, _ in some], [y for _, y in some], 4, rule)
        for some in (pairs, shuffled)
    )
    assert np.array(one) == pytest.approx(np.array(other))


def test_brier_score_and_log_loss_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    table, codes = rng.dirichlet(np.ones(3), size=60), rng.integers(3, size=60)
    found = reliability(table, codes, resamples=1)
    assert found.log_loss.value == pytest.approx(log_loss(codes, table, labels=[0, 1, 2]))
    brier = brier_score_loss(codes, table, labels=[0, 1, 2], scale_by_half=False)
    assert found.brier.value == pytest.approx(brier)


def test_of_many_labels_each_probability_is_a_forecast() -> None:
    rng = np.random.default_rng(2)
    table = rng.random((40, 3))
    has = rng.random((40, 3)) < table
    found = reliability(table, has, multi_label=True, bins=5, resamples=1)
    flat = reliability_bins(table.ravel(), has.ravel(), 5)
    assert found.bins == flat
    assert found.log_loss.value == pytest.approx(log_loss(has.ravel(), table.ravel()))
    assert found.brier.value == pytest.approx(np.mean((table - has) ** 2))
    width = by_loop(table.ravel(), has.ravel(), np.linspace(0, 1, 6))
    assert found.ece_equal_width.value == pytest.approx(width)


@pytest.mark.parametrize(("right", "error"), [(8, 0.0), (6, 0.2), (10, 0.2)])
def test_one_confidence_for_all_has_the_error_of_its_accuracy(right: int, error: float) -> None:
    table = np.tile([0.2, 0.8], (10, 1))
    found = reliability(table, [1] * right + [0] * (10 - right), resamples=50)
    assert found.ece.value == found.ece_equal_width.value == pytest.approx(error, abs=1e-12)
    assert len(found.bins) == 1
    brier = (right * 2 * 0.2**2 + (10 - right) * 2 * 0.8**2) / 10
    assert found.brier.value == pytest.approx(brier)


def test_who_is_always_sure_and_right_has_no_error() -> None:
    found = reliability(np.eye(2)[[0, 1, 1]], [0, 1, 1], resamples=20)
    for estimate in (found.ece, found.ece_equal_width, found.brier, found.log_loss):
        assert (estimate.value, *estimate.interval) == (0, 0, 0)
    assert found.ece_by_chance == 0


def drawn(seed: int, texts: int, scale: float, resamples: int = 60) -> Reliability:
    """Texts whose class is drawn with sigmoid(logit), forecast with sigmoid(scale · logit)."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=texts)
    codes = (rng.random(texts) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    return reliability(two(1 / (1 + np.exp(-scale * logits))), codes, resamples=resamples)


def test_right_probabilities_are_seldom_called_wrong_and_bold_ones_always() -> None:
    fine, bold = ([drawn(seed, 200, scale) for seed in range(20)] for scale in (1.0, 4.0))
    assert sum(one.ece.value > one.ece_by_chance for one in fine) <= 3
    assert sum(one.ece.interval.low == 0 for one in fine) >= 17
    assert all(one.ece.value > one.ece_by_chance for one in bold)
    assert all(one.ece.interval.low > 0 for one in bold)


def test_intervals_mostly_hold_what_many_texts_say() -> None:
    truth = drawn(99, 50_000, 3.0, resamples=1)
    found = [drawn(seed, 150, 3.0) for seed in range(25)]
    for name in ("ece", "brier", "log_loss"):
        value = getattr(truth, name).value
        inside = [low <= value <= high for low, high in (getattr(o, name).interval for o in found)]
        assert sum(inside) >= 20


@pytest.mark.parametrize("seed", range(8))
def test_an_interval_holds_the_error_that_was_measured(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance = rng.random(1000)
    codes = (rng.random(1000) < chance).astype(np.int64)
    found = reliability(two(chance), codes, resamples=100)
    for value, (low, high) in (found.ece, found.ece_equal_width):
        assert 0 <= low <= value <= high


def test_the_same_seed_gives_the_same_intervals() -> None:
    table, codes = np.random.default_rng(0).dirichlet([1, 1], size=30), [0, 1] * 15
    once, again, other = (reliability(table, codes, resamples=30, seed=s) for s in (1, 1, 2))
    assert once == again
    assert once.log_loss.interval != other.log_loss.interval
    assert once.log_loss.value == other.log_loss.value


@pytest.mark.parametrize(
    "change",
    [
        {"probabilities": [[0.5, 0.6]]},
        {"probabilities": [[1.0]]},
        {"answers": [2]},
        {"answers": []},
        {"multi_label": True},
        {"bins": 0},
        {"resamples": 0},
        {"seed": -1},
    ],
)
def test_what_cannot_be_judged_is_refused(change: dict[str, Any]) -> None:
    fine = {"probabilities": [[0.5, 0.5]], "answers": [0], "resamples": 2}
    reliability(**fine)
    with pytest.raises(DataError):
        reliability(**{**fine, **change})


def test_bins_of_no_forecasts_or_another_rule_are_refused() -> None:
    with pytest.raises(DataError):
        reliability_bins([], [])
    with pytest.raises(DataError, match="equal-mass"):
        reliability_bins([0.5], [1], rule="quantile")


def test_forecasts_that_are_all_alike_have_a_bar_that_can_be_seen() -> None:
    for table in ([[0.2, 0.8]] * 10, [[0.0, 1.0]] * 10):
        found = reliability(table, [1] * 10, resamples=5)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            counts = figure_of_reliability(found).axes[1]
        (bar,) = counts.patches
        assert bar.get_width() == pytest.approx(0.005)
        assert bar.get_x() + bar.get_width() / 2 == pytest.approx(table[0][1])
        left, right = counts.get_xlim()
        assert left <= 0.9 < right


def test_the_figure_shows_the_bins(tmp_path: Any) -> None:
    found = drawn(0, 300, 3.0)
    figure = figure_of_reliability(found)
    points = figure.axes[0].lines[1]
    assert list(points.get_xdata()) == [one.confidence for one in found.bins]
    assert list(points.get_ydata()) == [one.accuracy for one in found.bins]
    assert [bar.get_height() for bar in figure.axes[1].patches] == [
        one.forecasts for one in found.bins
    ]
    first, second = (
        save_figure(figure_of_reliability(found), tmp_path / f"{i}.png").read_bytes() for i in "ab"
    )
    assert first == second
