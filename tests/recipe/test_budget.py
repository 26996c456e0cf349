"""A plan that fits into some minutes, by a clock that only steps move."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.recipe import budget
from steadfit.recipe.budget import Planned, cut, largest_share, within_time
from steadfit.recipe.choices import Recipe
from steadfit.recipe.costs import Costs, Phase, measured
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import train
from steadfit.recipe.work import Work
from steadfit.text.corpus import Corpus
from steadfit.training import engine
from steadfit.training.events import Callback
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.penalty_terms import Sizes
from steadfit.training.run import Run
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
        monkeypatch.setattr(engine, "time", SimpleNamespace(perf_counter=self._ticking))
        for kind in (LanguageModelObjective, ClassifierObjective):
            monkeypatch.setattr(kind, "forward", self._counted(kind.forward))

    def _ticking(self) -> float:
        self.now += 1e-6  # no speed is infinite
        return self.now

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
    with pytest.raises(
        DataError,
        match=r"max_minutes is 1, but one epoch of everything takes .* here. Give more time, "
        r"fewer texts, language_model=False or smaller sizes\.",
    ):
        within_time(Corpus(*sentences(60, 0)), (), TINY, work, 1.0)


def test_a_machine_that_becomes_slower_ends_a_phase_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = Corpus(*sentences(60, 0))
    clock = Clock(monkeypatch, seconds=0.1)
    work = Work(tmp_path, False, tmp_path / "tokens")
    planned = within_time(corpus, (), TINY, work, 1.0)
    assert planned.recipe == cut(TINY, 1.0)
    clock.seconds = 30.0
    made = train(corpus, planned.recipe, planned.work)
    passes = made.details["language_model"]["forward"]["epochs"]
    assert passes < 4
    assert f"this phase ends after {passes} of 4 epochs" in capsys.readouterr().out


def planned_for_two_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Corpus, Clock, Work, Planned]:
    corpus = Corpus(*sentences(60, 0))
    clock = Clock(monkeypatch, seconds=10.0)
    work = Work(tmp_path, True, tmp_path / "tokens")
    return corpus, clock, work, within_time(corpus, (), TINY, work, 2.0)


def test_a_plan_that_was_begun_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, clock, work, first = planned_for_two_minutes(tmp_path, monkeypatch)
    clock.seconds = 500.0
    assert within_time(corpus, (), TINY, work, 2.0).recipe == first.recipe
    with pytest.raises(DataError, match="max_minutes"):
        within_time(corpus, (), TINY, work, 1.0)


def test_a_call_with_other_minutes_takes_no_plan_from_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, clock, work, first = planned_for_two_minutes(tmp_path, monkeypatch)
    other = within_time(corpus, (), TINY, work, 1.5)
    assert other.recipe != first.recipe
    clock.seconds = 12.0
    assert within_time(corpus, (), TINY, work, 2.0).recipe == first.recipe
    assert within_time(corpus, (), TINY, work, 1.5).recipe == other.recipe
    clock.seconds = 0.1  # other texts and other settings are measured anew
    assert within_time(Corpus(*sentences(60, 1)), (), TINY, work, 2.0).recipe == cut(TINY, 1.0)
    seeded = replace(TINY, seed=1)
    assert within_time(corpus, (), seeded, work, 2.0).recipe == cut(seeded, 1.0)


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


@pytest.mark.parametrize("changed", [{}, {"refit": True}, {"backwards": "both"}])
def test_range_tests_are_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    corpus = Corpus(*sentences(80, 0))
    model, classifier = TINY.language_model, replace(TINY.classifier, lr="find")
    assert model is not None
    recipe = replace(TINY, language_model=replace(model, lr="find"), classifier=classifier)
    recipe = replace(recipe, **changed)
    clock = Clock(monkeypatch, seconds=1.0)
    work = Work(tmp_path, False, tmp_path / "tokens")
    costs = measured(corpus, (), recipe, work, lambda: clock.now)
    began = clock.now
    train(corpus, recipe, work)
    assert clock.now - began <= costs.total(1.0)


def test_reading_what_teaches_nbsvm_is_counted_where_it_is_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, seconds=1.0)
    work = Work(tmp_path, False, tmp_path / "tokens")
    corpus, unlabeled = Corpus(*sentences(80, 0)), sentences(150, 1)[0]

    def rest(texts: list[str], weighed: bool = False, **changed: Any) -> float:
        recipe = replace(TINY, language_model=None, **{"blend": "auto", **changed})
        found = measured(corpus, texts, recipe, work, lambda: clock.now, weighed).rest
        assert found > 0  # what is held out is read
        return found

    held_out = rest([])
    assert rest(unlabeled) == pytest.approx(held_out * (8 + 150) / 8, rel=0.1)
    # Of fewer than a hundred nothing is learned; nor is NBSVM mixed in with weights.
    assert rest(unlabeled[:99]) == pytest.approx(held_out)
    assert rest(unlabeled, self_training=0.0) == pytest.approx(held_out)
    assert rest(unlabeled, class_weight="balanced") == pytest.approx(held_out)
    assert rest(unlabeled, weighed=True) == pytest.approx(held_out)


def test_texts_without_words_are_planned_for_as_they_are_trained_on(tmp_path: Path) -> None:
    texts = ["a a a b" if place % 2 else "c c" for place in range(40)]
    corpus = Corpus(texts, ["x" if place % 2 else "y" for place in range(40)])
    recipe = replace(TINY, blend="auto", language_model=None)
    work = Work(tmp_path, False, tmp_path / "tokens")
    assert within_time(corpus, (), recipe, work, 10.0).recipe == cut(recipe, 1.0)


def test_a_fit_stopped_within_an_epoch_has_its_other_epochs_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(*sentences(60, 0))
    Clock(monkeypatch, seconds=0.1).now = 1e6  # it tells the days since a machine was started
    epochs: list[int] = []

    class Interrupted(Callback):
        """Asks for a stop in the second epoch of the last phase, as Ctrl-C does."""

        left = 1

        def on_step_end(self, run: Run) -> None:
            if self.left and (run.plan.stage, run.state.epoch, run.state.batch) == (1, 1, 3):
                self.left = 0
                signal.raise_signal(signal.SIGINT)

        def on_fit_end(self, run: Run) -> None:
            epochs.append(run.state.epoch)

    work = Work(tmp_path, True, tmp_path / "tokens", [Interrupted()])

    def once() -> None:
        planned = within_time(corpus, (), replace(TINY, language_model=None), work, 60.0)
        train(corpus, planned.recipe, planned.work)

    with pytest.raises(KeyboardInterrupt):
        once()
    once()
    assert epochs == [4, 12]
