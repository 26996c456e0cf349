"""What the levers for few labels learn from, by whom they are judged, and what averaging does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks._accuracy_draws import split_by_film
from experiments import _few_labels, classifier_levers
from experiments._few_labels import Averaged, learn
from steadfit.recipe import train as recipe_train
from steadfit.recipe.work import Encoder


def test_averaging_ends_with_the_mean_of_the_second_half_of_the_steps() -> None:
    model = nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    bias = model.bias.clone()
    run: Any = SimpleNamespace(model=model, steps=5, state=SimpleNamespace(step=0))
    averaged = Averaged()
    for _ in range(2):  # each phase begins anew
        seen = []
        averaged.on_fit_begin(run)
        for step in range(1, 6):
            with torch.no_grad():
                model.weight.copy_(torch.randn(1, 2))
            run.state.step = step
            averaged.on_step_end(run)
            seen.append(model.weight.detach().clone())
        averaged.on_fit_end(run)
        torch.testing.assert_close(model.weight.detach(), torch.stack(seen[2:]).mean(0))
        assert model.bias.equal(bias)


def test_no_test_review_is_read_and_none_that_judges_is_learned_from(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_by_film()
    test, train = {*split.test.texts}, {*split.train.texts}
    read: dict[str, set[str]] = {}

    def begun(texts: Any, recipe: Any, backwards: bool) -> Encoder:
        read["language model"] = {*texts}
        return Encoder(None, {})

    def trained(corpus: Any, recipe: Any, encoders: Any, work: Any, unlabeled: Any) -> Any:
        read["labelled"], read["unlabelled"] = {*corpus.texts}, {*unlabeled}
        raise StopIteration

    monkeypatch.setattr(_few_labels, "encoder", begun)
    monkeypatch.setattr(_few_labels, "train_ensemble", trained)
    with pytest.raises(StopIteration):
        learn(classifier_levers.LABELS, 0)
    judging = {*_few_labels.for_settings(split).test.texts}
    assert len(read["labelled"]) == classifier_levers.LABELS
    for texts in read.values():
        assert texts <= train
        assert not texts & test
    assert judging <= train
    assert not (read["labelled"] | read["unlabelled"]) & judging


def test_a_second_round_is_judged_beside_the_first_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    second = recipe_train.second_round

    def counted(first: Any, assumed: Any, *more: Any) -> Any:
        rounds.append(len(assumed.texts))
        return second(first, assumed, *more)

    monkeypatch.setattr(recipe_train, "second_round", counted)
    plain = learn(100, 1, quick=True)
    both = learn(100, 1, pseudo_labels=50, quick=True)
    assert len(rounds) == 1
    assert {name: both[f"first_{name}"] for name in plain} == plain
    assert plain.keys() == {"network", "assumed"}
    assert 0 <= both["classifier"] <= 1
    assert (both["first_assumed"], both["assumed"]) in ((0, 0), (0, rounds[0]))


def test_gains_are_over_the_same_draw() -> None:
    found = [{"network": 0.8, "classifier": 0.9}, {"network": 0.6, "classifier": 0.8}]
    plain = [{"first_network": 0.7, "first_classifier": 0.9}] * 2
    figures = classifier_levers._figures(found, plain)
    assert figures["network"]["mean"] == pytest.approx(0.7)
    assert figures["network"]["gain"]["mean"] == pytest.approx(0.0)
    assert figures["classifier"]["gain"] == {"mean": -0.05, "sd": 0.0707, "n": 2}
