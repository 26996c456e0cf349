"""The weight of a blend beside a grid, the rule beside coins, and what is shown of both parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import beta
from sklearn.metrics import accuracy_score, log_loss

from steadfit.core.errors import DataError
from steadfit.inference.blend import PRIOR, blended, fit_blend

FIRST = [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]
SECOND = [[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]]


def drawn(
    seed: int, texts: int = 200, classes: int = 2, noise: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two parts that each see the truth through noise of their own, and the answers."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(classes, size=texts)
    parts = [np.eye(classes)[codes] + noise * rng.normal(size=(texts, classes)) for _ in range(2)]
    return softmax(parts[0], axis=1), softmax(parts[1], axis=1), codes


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("texts", [3, 200])
@pytest.mark.parametrize("seed", range(3))
def test_no_weight_of_a_grid_is_likelier(seed: int, texts: int, classes: int) -> None:
    network, linear, codes = drawn(seed, texts, classes)
    found = fit_blend(network, linear, codes)
    grid = np.linspace(0, 1, 2_001)[1:-1, None]
    rows = np.arange(len(codes))
    mixed = grid * network[rows, codes] + (1 - grid) * linear[rows, codes]
    likely = np.log(mixed).sum(axis=1) + beta(PRIOR + 1, PRIOR + 1).logpdf(grid[:, 0])
    assert found.best_weight == pytest.approx(grid[likely.argmax(), 0], abs=1e-3)


def test_both_parts_and_the_blend_are_judged_as_scikit_learn_does() -> None:
    network, linear, codes = drawn(1, classes=3)
    found = fit_blend(network, linear, codes)
    mixed = blended(network, linear, found.best_weight)
    for part, of in [(network, found.network), (linear, found.linear), (mixed, found.blend)]:
        assert of.log_loss == pytest.approx(log_loss(codes, part))
        assert of.accuracy == accuracy_score(codes, part.argmax(axis=1))
    assert found.texts == 200


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 4), st.floats(0, 30))
def test_what_is_taken_is_within_an_error_of_the_better_part_on_the_texts_it_was_fitted_on(
    seed: int, texts: int, classes: int, noise: float
) -> None:
    network, linear, codes = drawn(seed, texts, classes, noise)
    found = fit_blend(network, linear, codes)
    better = min(found.network.log_loss, found.linear.log_loss)
    assert found.gain == pytest.approx(better - found.blend.log_loss, abs=1e-12)
    taken = {1.0: found.network, 0.0: found.linear}.get(found.weight, found.blend)
    assert taken.log_loss <= better + found.standard_error + 1e-12
    assert fit_blend(network, linear, codes, "always").weight == found.best_weight


def test_the_gain_and_its_error_are_those_of_pairs() -> None:
    network, linear, codes = drawn(3)
    found = fit_blend(network, linear, codes)
    better = network if found.network.log_loss <= found.linear.log_loss else linear
    mixed = found.best_weight * network + (1 - found.best_weight) * linear
    pairs = [math.log(m[c] / p[c]) for m, p, c in zip(mixed, better, codes, strict=True)]
    assert found.gain == pytest.approx(np.mean(pairs))
    assert found.standard_error == pytest.approx(np.std(pairs, ddof=1) / math.sqrt(len(pairs)))
    assert found.weight == found.best_weight  # two independent views gain much here
    assert found.gain > found.standard_error


def sighted(seed: int, texts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the truth, the truth through noise, which adds nothing to it, and the answers."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.05, 0.95, size=texts)
    other = np.clip(truth + rng.choice([-0.2, 0.2], size=texts), 0.02, 0.98)
    codes = (rng.random(texts) < truth).astype(int)
    return np.column_stack([1 - truth, truth]), np.column_stack([1 - other, other]), codes


def test_what_adds_nothing_costs_next_to_nothing() -> None:
    truth, other, codes = sighted(10**6, 20_000)
    costs = []
    for seed in range(200):
        weight = fit_blend(*sighted(seed, 300)).weight
        costs.append(log_loss(codes, blended(truth, other, weight)) - log_loss(codes, truth))
    assert np.mean(costs) < 0.005  # the other one alone costs 0.1
    assert log_loss(codes, other) - log_loss(codes, truth) > 0.08


def test_of_few_texts_the_mixture_labels_new_ones_better_than_the_part_they_favour() -> None:
    new = drawn(10**6, 5_000)
    mixed, favoured = [], []
    for seed in range(200):
        found = fit_blend(*drawn(seed, 8))
        mixed.append(log_loss(new[2], blended(new[0], new[1], found.weight)))
        favoured.append(log_loss(new[2], new[int(found.network.log_loss > found.linear.log_loss)]))
    assert np.mean(mixed) < np.mean(favoured) - 0.02


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_part_that_is_better_on_every_text_is_taken_alone(exchanged: bool) -> None:
    good, poor, codes = [[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]], [0, 1]
    parts = (poor, good) if exchanged else (good, poor)
    assert fit_blend(*parts, codes).weight == float(not exchanged)
    assert 0 < fit_blend(*parts, codes, "always").weight < 1
    assert fit_blend(good, good, codes).weight == 1.0  # a tie is the network's


def test_exchanged_parts_exchange_their_weights() -> None:
    network, linear, codes = drawn(2, classes=3)
    there, back = fit_blend(network, linear, codes), fit_blend(linear, network, codes)
    assert there.best_weight == pytest.approx(1 - back.best_weight)
    assert there.network == back.linear


def test_a_part_that_was_sure_and_wrong_has_a_finite_loss() -> None:
    sure = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    found = fit_blend(sure, SECOND, [0, 1, 1])
    assert math.isfinite(found.network.log_loss)
    assert found.blend.log_loss < found.network.log_loss
    assert math.isfinite(fit_blend(sure, sure, [1, 0, 1]).blend.log_loss)


def test_one_text_is_no_evidence_for_either_part() -> None:
    assert 0.5 < fit_blend([[0.9, 0.1]], [[0.6, 0.4]], [0]).weight < 0.6
    assert 0.2 < fit_blend([[0.9, 0.1]], [[0.6, 0.4]], [1]).weight < 0.5


def test_each_part_alone_comes_out_as_it_went_in() -> None:
    assert blended(FIRST, SECOND, 1).tolist() == FIRST
    assert blended(FIRST, SECOND, 0).tolist() == SECOND
    half = (np.array(FIRST) + SECOND) / 2
    assert blended(torch.tensor(FIRST).double(), SECOND, 0.5) == pytest.approx(half)
    assert blended(np.zeros((0, 2)), np.zeros((0, 2)), 0.5).shape == (0, 2)


@pytest.mark.parametrize(
    ("network", "linear", "codes", "rule", "message"),
    [
        (FIRST, SECOND, [0, 1, 1], "sometimes", "rule is 'sometimes'"),
        (FIRST, SECOND[:2], [0, 1, 1], "auto", r"\(3, 2\) and the linear model's \(2, 2\)"),
        (FIRST, SECOND, [0, 1], "auto", "for 3 texts"),
        (FIRST, SECOND, [0, 1, 2], "auto", "columns 0 to 1"),
        (FIRST, SECOND, [0, 1, -1], "auto", "columns 0 to 1"),
        (FIRST, SECOND, ["a", "b", "a"], "auto", "column numbers"),
        (FIRST, SECOND, [0.0, 1.0, 1.0], "auto", "column numbers"),
        (np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, dtype=int), "auto", "one text at least"),
        ([0.9, 0.1], [0.6, 0.4], [0, 1], "auto", r"\(texts, classes\)"),
        ([[1.0]], [[1.0]], [0], "auto", "two classes"),
        ([[2.0, -1.0]], [[0.5, 0.5]], [0], "auto", "no probabilities"),
        ([[0.5, 0.5]], [[0.5, math.nan]], [0], "auto", "linear holds rows"),
        ([[3.0, 1.0]], [[0.5, 0.5]], [0], "auto", "go through a softmax"),
        ([["a", "b"]], [[0.5, 0.5]], [0], "auto", "no table of numbers"),
        (torch.tensor([[0.5, 0.5]], requires_grad=True), [[0.5, 0.5]], [0], "auto", "no table"),
    ],
)
def test_what_cannot_be_blended_is_refused(
    network: Any, linear: Any, codes: Any, rule: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fit_blend(network, linear, codes, rule)


@pytest.mark.parametrize("weight", [-0.1, 1.1, math.nan, "half"])
def test_a_weight_lies_between_zero_and_one(weight: Any) -> None:
    with pytest.raises(DataError, match="weight is"):
        blended(FIRST, SECOND, weight)
