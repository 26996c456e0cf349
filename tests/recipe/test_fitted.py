"""What is fitted on texts held out, from tables alone: no network is trained here."""

from __future__ import annotations

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.inference.ensemble import tempered
from steadfit.recipe.account import held_out_figures
from steadfit.recipe.choices import Recipe
from steadfit.recipe.fitted import answers_of, fit_held_out
from steadfit.text.corpus import Corpus

CLASSES = ("a", "b")


def table(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of "a" and "b" that are too low for "b", and the right columns."""
    draw = np.random.default_rng(seed)
    codes = (draw.random(rows) < 0.4).astype(np.int64)
    second = 1 / (1 + np.exp(-(3.0 * codes - 3.0 + draw.normal(size=rows))))
    return np.column_stack([1 - second, second]), codes


def test_thresholds_reach_what_trying_every_one_reaches() -> None:
    mean, codes = table(300, 0)
    found = fit_held_out(mean, None, codes, CLASSES, Recipe(metric="accuracy"))
    second = found.probabilities[:, 1]
    tried = [0.0, *np.unique(second), 1.1]
    best = max(float(((second > cut) == codes).mean()) for cut in tried)
    figures = held_out_figures(found, codes)
    assert found.tuned is not None
    assert found.tuned.kept
    assert figures["thresholds"]["with"] == pytest.approx(best, abs=1e-4)
    assert float((found.decision.codes(found.probabilities) == codes).mean()) == pytest.approx(best)


def test_the_temperature_is_the_one_with_the_least_loss_and_may_be_left_out() -> None:
    mean, codes = table(400, 1)
    sharp = tempered(mean, 4.0)

    def loss(scale: float) -> float:
        return float(-np.log(tempered(sharp, scale)[np.arange(len(codes)), codes]).mean())

    found = fit_held_out(sharp, None, codes, CLASSES, Recipe())
    tried = np.linspace(0.02, 2, 400)
    assert found.scale == pytest.approx(tried[np.argmin([loss(one) for one in tried])], abs=0.02)
    plain = fit_held_out(sharp, None, codes, CLASSES, Recipe(calibrate=False))
    assert plain.scale == 1.0
    np.testing.assert_allclose(plain.network, sharp, atol=2e-7)  # none is below 1e-7


def test_a_model_that_is_a_baseline_alone_is_not_mixed_in() -> None:
    mean, codes = table(200, 2)
    better = np.eye(2)[codes] * 0.8 + 0.1
    mixed = fit_held_out(mean, better, codes, CLASSES, Recipe())
    alone = fit_held_out(mean, better, codes, CLASSES, Recipe(), mixing=False)
    assert mixed.weight < 0.5
    assert alone.weight == 1.0
    assert held_out_figures(alone, codes)["linear"]["accuracy"] == 1.0
    assert "blend" not in held_out_figures(alone, codes)


def test_several_labels_a_text_each_have_a_probability_of_their_own() -> None:
    draw = np.random.default_rng(3)
    corpus = Corpus([str(row) for row in range(200)], [["a"], ["a", "b"], [], ["b"]] * 50)
    marks = answers_of(corpus, CLASSES)
    assert marks[:4].tolist() == [[1, 0], [1, 1], [0, 0], [0, 1]]
    mean = np.clip(0.25 + 0.3 * marks + 0.1 * draw.random(marks.shape), 0, 1)
    found = fit_held_out(mean, None, marks, CLASSES, Recipe(metric="macro-f1"))
    assert found.scale > 1  # they are less sure than they could be
    assert (found.decision.marks(found.probabilities) == marks).all()
    assert held_out_figures(found, marks)["none"] == 0.5


def test_a_metric_that_there_is_none_of_is_refused() -> None:
    mean, codes = table(20, 4)
    with pytest.raises(DataError, match="metric"):
        fit_held_out(mean, None, codes, CLASSES, Recipe(metric="beauty"))
