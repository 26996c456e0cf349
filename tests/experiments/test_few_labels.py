"""What the levers for few labels learn from, and by whom they are judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks._accuracy_draws import split_by_film
from experiments import _few_labels, classifier_levers, pseudo_labels
from experiments._few_labels import learn
from experiments._report import Options
from steadfit.recipe.networks import Networks
from steadfit.recipe.work import Encoder


class Enough(Exception):
    """Ends a training once it is known what it reads."""


@dataclass
class Alone:
    """Stands for networks that were trained."""

    engine: str = "auto"


def test_no_test_review_is_read_and_none_that_judges_is_learned_from(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_by_film()
    test, train = {*split.test.texts}, {*split.train.texts}
    read: dict[str, set[str]] = {}

    def begun(texts: Any, recipe: Any, backwards: bool) -> Encoder:
        read["language model"] = {*texts}
        return Encoder(None, {})

    def trained(networks: Any, corpus: Any, weights: Any, name: str) -> Any:
        read["labelled"] = {*corpus.texts}
        return SimpleNamespace(alone=Alone())

    def linear_part(corpus: Any, alone: Any, fit: Any, recipe: Any, mixing: bool, more: Any) -> Any:
        read["unlabelled"] = {*more}
        raise Enough

    monkeypatch.setattr(_few_labels, "encoder", begun)
    monkeypatch.setattr(Networks, "train", trained)
    monkeypatch.setattr(_few_labels, "fit_linear_part", linear_part)
    with pytest.raises(Enough):
        learn(classifier_levers.LABELS, 0, pseudo_labels=10)
    judging = {*_few_labels.for_settings(split).test.texts}
    assert len(read["labelled"]) == classifier_levers.LABELS
    for texts in read.values():
        assert texts <= train
        assert not texts & test
    assert judging <= train
    assert not (read["labelled"] | read["unlabelled"]) & judging


def test_a_second_network_learns_assumed_labels_and_is_judged_beside_the_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[Any] = []
    train = Networks.train

    def seen(self: Networks, corpus: Any, *more: Any) -> Any:
        learned.append(corpus)
        return train(self, corpus, *more)

    monkeypatch.setattr(Networks, "train", seen)
    plain = learn(100, 1, quick=True)
    both = learn(100, 1, pseudo_labels=50, quick=True)
    assert plain == {kind: both[f"first_{kind}"] for kind in ("network", "classifier")}
    assert both.keys() == {
        f"{which}{kind}" for which in ("first_", "") for kind in ("network", "classifier")
    } | {"assumed"}
    _, first, second = learned
    assert second.part("valid") == first.part("valid")
    count = both["assumed"]
    assert 0 < count <= 50
    assert tuple(second.texts[:100]) == tuple(first.texts)
    assert tuple(second.part("train").texts[-count:]) == tuple(second.texts[100:])


def test_gains_are_over_the_same_draw() -> None:
    found = [{"network": 0.8, "classifier": 0.9}, {"network": 0.6, "classifier": 0.9}]
    plain = [{"network": 0.7, "classifier": 0.8}, {"network": 0.8, "classifier": 0.7}]
    figures = classifier_levers.gains(found, plain)
    assert figures["network"]["mean"] == pytest.approx(0.7)
    assert figures["network"]["gain"] == {"mean": -0.05, "sd": 0.2121, "n": 2}
    assert figures["classifier"]["gain"] == {"mean": 0.15, "sd": 0.0707, "n": 2}
    first = classifier_levers.gains(found[:1], plain)
    assert first["network"]["gain"]["mean"] == pytest.approx(0.1)


def test_every_lever_gets_the_figures_of_its_own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def share(settings: dict[str, Any]) -> float:
        return 0.5 + 0.1 * settings["number"] + 0.02 * len(settings)

    def run_all(runs: Any, *_: Any) -> list[dict[str, Any]]:
        numbers = [one.settings["number"] for one in runs]
        assert numbers == sorted(numbers)
        return [{kind: share(one.settings) for kind in ("network", "classifier")} for one in runs]

    monkeypatch.setattr(classifier_levers, "run_all", run_all)
    figures = classifier_levers.run(Options(seeds=2)).figures
    for lever, changed in classifier_levers.LEVERS.items():
        gain = figures[lever]["network"]["gain"]
        assert gain["mean"] == pytest.approx(0.02 * len(changed))
        assert gain["n"] == 2


def test_a_second_network_is_compared_with_the_first_of_its_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {"first_network": 0.7, "first_classifier": 0.8}
    found = [{**first, "network": 0.75, "classifier": 0.8}]
    monkeypatch.setattr(pseudo_labels, "run_all", lambda runs, *_: found * len(runs))
    figures = pseudo_labels.run(Options(seeds=3)).figures
    assert figures["the first network"]["network"]["mean"] == pytest.approx(0.7)
    assert figures["pseudo-labels"]["network"]["gain"] == {"mean": 0.05, "sd": 0.0, "n": 3}
    assert figures["pseudo-labels"]["classifier"]["gain"]["mean"] == 0
