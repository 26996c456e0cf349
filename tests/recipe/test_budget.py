"""A plan that fits into some minutes, by a clock that only steps move."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.recipe import budget
from steadfit.recipe.budget import cut, largest_share, within_time
from steadfit.recipe.choices import Recipe
from steadfit.recipe.costs import Costs, Phase, measured
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import train
from steadfit.recipe.work import Work
from steadfit.text.corpus import Corpus
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.penalty_terms import Sizes
from tests.estimator.made_up import sentences

SECONDS = st.floats(0, 100, allow_nan=False)
TINY = Recipe(
    base=None,
    language_model=LanguageModelSettings(epochs=4, min_freq=1),
    classifier=ClassifierSettings(epochs=4, schedule="one-cycle"),
    sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
    blend=None,
)


@given(
    SECONDS,
    st.integers(1, 20),
    st.lists(st.builds(Phase, SECONDS, st.integers(1, 9)), min_size=1, max_size=4),
    st.floats(0, 3000),
)
def test_the_largest_share_fits_and_the_next_one_does_not(
    model: float, epochs: int, phases: list[Phase], seconds: float
) -> None:
    costs = Costs(model, epochs, tuple(phases), 1.0)
    share = largest_share(costs, seconds)
    if share is None:
        assert costs.total(0.0) > seconds
    else:
        assert costs.total(share) <= seconds
        assert share == 1 or costs.total(share + 1 / 40) > seconds


@given(st.floats(0, 1), st.integers(1, 9), st.integers(1, 9))
def test_a_cut_recipe_has_the_epochs_that_its_cost_was_counted_for(
    share: float, model: int, phase: int
) -> None:
    whole = Recipe(
        language_model=LanguageModelSettings(epochs=model),
        classifier=ClassifierSettings(epochs=phase),
    )
    made = cut(whole, share)
    assert made.language_model is not None
    passes = made.language_model.passes
    assert passes == max(1, math.floor(share * model + 1e-9))
    before, after = (one.classifier.phases(100, 4) for one in (whole, made))
    costs = Costs(1.0, model, tuple(Phase(1.0, one.epochs) for one in before), 0.0)
    counted = passes + sum(one.epochs for one in after)
    assert costs.total(share) == counted


class Clock:
    """Seconds that pass as tokens are trained on: so many for each thousand.

    In bfloat16 they are `in_bf16` times as many.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.in_bf16 = 1.0
        monkeypatch.setattr(budget, "clock", lambda: self.now)
        for kind in (LanguageModelObjective, ClassifierObjective):
            monkeypatch.setattr(kind, "forward", self._counted(kind.forward))

    def _counted(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        def counted(
            objective: Any, batch: Any, state: Any, sizes: Sizes, generator: Any = None
        ) -> Any:
            of_float32 = self.in_bf16 if torch.is_autocast_enabled("cpu") else 1.0
            self.now += of_float32 * self.seconds * sizes.steps / 1000
            return forward(objective, batch, state, sizes, generator)

        return counted


def test_minutes_are_kept_and_epochs_are_cut_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = Corpus(*sentences(60, 0))
    clock = Clock(monkeypatch, seconds=10.0)  # some 800 tokens an epoch
    work = Work(tmp_path, False, tmp_path / "tokens")
    planned = within_time(corpus, (), TINY, work, 2.0)
    assert planned.recipe.language_model is not None
    assert 1 <= planned.recipe.language_model.passes < 4
    assert "all epochs would take" in capsys.readouterr().out
    train(corpus, planned.recipe, planned.work)
    assert 30 < clock.now <= 120


def test_what_cannot_be_kept_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch, seconds=1000.0)
    work = Work(tmp_path, False, tmp_path / "tokens")
    with pytest.raises(DataError, match=r"max_minutes is 1, but one epoch of everything takes"):
        within_time(Corpus(*sentences(60, 0)), (), TINY, work, 1.0)


def test_a_machine_that_becomes_slower_ends_a_phase_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(*sentences(60, 0))
    clock = Clock(monkeypatch, seconds=0.1)
    work = Work(tmp_path, False, tmp_path / "tokens")
    planned = within_time(corpus, (), TINY, work, 1.0)
    assert planned.recipe == cut(TINY, 1.0)
    clock.seconds = 30.0
    made = train(corpus, planned.recipe, planned.work)
    assert made.details["language_model"]["forward"]["epochs"] < 4


def test_a_plan_that_was_begun_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(*sentences(60, 0))
    clock = Clock(monkeypatch, seconds=10.0)
    work = Work(tmp_path, True, tmp_path / "tokens")
    first = within_time(corpus, (), TINY, work, 2.0)
    clock.seconds = 500.0
    assert within_time(corpus, (), TINY, work, 2.0).recipe == first.recipe
    with pytest.raises(DataError, match="max_minutes"):
        within_time(corpus, (), TINY, work, 1.0)


def test_without_minutes_nothing_is_measured(tmp_path: Path) -> None:
    work = Work(tmp_path / "untouched")
    assert within_time(Corpus(["a"], ["x"]), (), TINY, work, None) == (TINY, work)
    assert not (tmp_path / "untouched").exists()


@pytest.mark.parametrize("changed", [{}, {"refit": True}, {"backwards": "both"}])
def test_what_is_counted_beforehand_is_what_training_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    corpus, unlabeled = Corpus(*sentences(80, 0)), sentences(150, 1)[0]
    recipe = replace(TINY, **changed)
    clock = Clock(monkeypatch, seconds=1.0)
    clock.in_bf16 = 0.2
    work = Work(tmp_path, False, tmp_path / "tokens")
    costs = measured(corpus, unlabeled, recipe, work, lambda: clock.now)
    counted = costs.total(1.0) - costs.rest  # reading without learning moves no clock here
    began = clock.now
    train(corpus, recipe, work, unlabeled)
    assert counted == pytest.approx(clock.now - began, rel=0.1)
