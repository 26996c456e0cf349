"""The second round: what networks learn in it, from whom, and when it is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.inference.ensemble import Ensemble
from steadfit.linear.fit import Assumed
from steadfit.recipe.choices import Recipe
from steadfit.recipe.networks import PSEUDO, Networks
from steadfit.recipe.pseudo_labels import Round, check_pseudo_labels, second_round
from steadfit.recipe.self_training import FEWEST, Unlabelled
from steadfit.recipe.settings import ClassifierSettings, LanguageModelSettings
from steadfit.recipe.train import train
from steadfit.recipe.work import Work
from steadfit.text.corpus import Corpus
from tests.estimator.made_up import sentences

TINY = Recipe(
    base=None,
    language_model=LanguageModelSettings(epochs=1, min_freq=1),
    classifier=ClassifierSettings(epochs=2),
    sizes={"emb_sz": 8, "n_hid": 12, "n_layers": 2},
    held_out=0.2,
    pseudo_labels=60,
)
NAMES = ("neg", "pos")
CORPUS = Corpus(list("abcdef"), ["neg", "pos"] * 3, split=["train"] * 4 + ["valid"] * 2)
ASSUMED = Assumed(["x", "y", "z"], ["pos", "neg", "pos"])
ANSWERS = np.array([0, 1])


class Recorded:
    """Networks that are given and not trained; keeps what they were to learn from."""

    def __init__(self, mean: np.ndarray) -> None:
        self.mean = mean
        self.given: list[Any] = []

    def train(self, corpus: Corpus, weights: Any, name: str, like: Any = None) -> Any:
        self.given.append((corpus, weights, name))
        alone = SimpleNamespace(mean_probabilities=lambda texts: self.mean[: len(texts)])
        return SimpleNamespace(seconds=7.0, alone=alone)


def fitted(table: np.ndarray) -> Any:
    return SimpleNamespace(probabilities=table, simple="NBSVM's")


RIGHT, WRONG = np.eye(2), 1 - np.eye(2)


def after(first: np.ndarray, second: np.ndarray, weights: Any = None) -> tuple[Any, Recorded, Any]:
    began: Any = Round(CORPUS, weights, SimpleNamespace(), fitted(first), 5.0)
    networks: Any = Recorded(second)
    asked = []

    def fit(mean: np.ndarray, simple: Any) -> Any:
        asked.append(simple)
        return fitted(mean)

    found = second_round(began, ASSUMED, networks, fit, ANSWERS)
    assert asked == ["NBSVM's"]  # the linear model stays that of the first round
    return found, networks, began


def test_networks_learn_labelled_texts_and_the_others_and_what_is_held_out_stays_so() -> None:
    found, networks, _ = after(RIGHT, RIGHT)
    ((corpus, weights, name),) = networks.given
    assert (tuple(corpus.texts), tuple(corpus.labels)) == (
        tuple("abcdefxyz"),
        ("neg", "pos") * 3 + ("pos", "neg", "pos"),
    )
    assert tuple(corpus.part("train").texts) == tuple("abcdxyz")
    assert tuple(corpus.part("valid").texts) == tuple("ef")
    assert (weights, name) == (None, PSEUDO)
    assert found.corpus is corpus
    assert found.seconds == 12.0


def test_a_text_without_a_label_counts_one() -> None:
    _, networks, _ = after(RIGHT, RIGHT, np.array([2.0, 1, 1, 1, 3, 1]))
    ((_, weights, _),) = networks.given
    np.testing.assert_array_equal(weights, [2, 1, 1, 1, 3, 1, 1, 1, 1])


def test_what_makes_it_worse_is_left_out_but_its_time_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, _, began = after(RIGHT, WRONG)
    assert found == began._replace(seconds=12.0)
    assert "Pseudo-labels are left out" in capsys.readouterr().out
    found, _, began = after(WRONG, RIGHT)
    assert len(found.corpus) == 9


@pytest.fixture(scope="module")
def unlabeled() -> list[str]:
    return list(sentences(200, 1)[0])


@pytest.mark.parametrize("refit", [False, True])
def test_it_goes_on_where_it_was_stopped(
    tmp_path: Path,
    unlabeled: list[str],
    refit: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus, recipe = Corpus(*sentences(60, 0)), replace(TINY, refit=refit)
    learned: list[int] = []
    original = Networks.train

    def counted(self: Networks, corpus: Corpus, weights: Any, name: str, like: Any = None) -> Any:
        learned.append(len(corpus))
        return original(self, corpus, weights, name, like)

    monkeypatch.setattr(Networks, "train", counted)
    work = Work(tmp_path / "work", cache=tmp_path / "tokens")
    made = train(corpus, recipe, work, unlabeled)
    number = made.details["pseudo_labels"]
    assert 0 < number <= 60
    assert learned == [60, 60 + number, 60 + number][: 2 + refit]
    capsys.readouterr()
    again = train(corpus, recipe, work, unlabeled)
    assert "".join(capsys.readouterr()).count("not run again") >= 2 + refit
    few = unlabeled[:5]
    assert (again.network_probabilities(few) == made.network_probabilities(few)).all()


def test_without_them_networks_are_those_of_the_first_round(
    tmp_path: Path, unlabeled: list[str]
) -> None:
    corpus = Corpus(*sentences(60, 0))
    work = Work(tmp_path / "work", cache=tmp_path / "tokens")
    with_them = train(corpus, TINY, work, unlabeled)
    without = train(corpus, replace(TINY, pseudo_labels=0), work, unlabeled)
    assert without.details["pseudo_labels"] == 0
    assert not np.allclose(
        *(one.network_probabilities(unlabeled[:5]) for one in (with_them, without))
    )


def test_the_teacher_is_the_first_classifier_as_it_would_predict(
    tmp_path: Path, unlabeled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    teachers: list[tuple[Ensemble, float]] = []
    original = Unlabelled.labelled_by

    def seen(self: Unlabelled, teacher: Ensemble, labelled: Corpus, share: float) -> Any:
        teachers.append((teacher, share))
        return original(self, teacher, labelled, share)

    monkeypatch.setattr(Unlabelled, "labelled_by", seen)
    recipe = replace(TINY, blend="always", self_training=0.5)
    train(Corpus(*sentences(60, 0)), recipe, Work(tmp_path, False, tmp_path / "t"), unlabeled)
    (of_linear, half), (of_networks, share) = teachers
    assert (half, share) == (0.5, 60 / 200)
    assert of_networks.networks == of_linear.networks
    teachers.clear()
    train(
        Corpus(*sentences(60, 0)),
        replace(recipe, blend=None),
        Work(tmp_path / "b", False, tmp_path / "t"),
        unlabeled,
    )
    ((alone, _),) = teachers
    assert (alone.linear, alone.weight) == (None, 1.0)


def test_what_cannot_be_is_refused_before_anything_is_trained(
    tmp_path: Path, unlabeled: list[str]
) -> None:
    corpus = Corpus(*sentences(60, 0))
    few = unlabeled[: FEWEST - 1]
    with pytest.raises(DataError, match=r"pseudo_labels is 60, but 99 texts without labels"):
        train(corpus, TINY, tmp_path, few)
    many = corpus.with_labels([[label] for label in corpus.labels or ()])
    with pytest.raises(DataError, match="several labels each; leave pseudo_labels at 0"):
        train(many, TINY, tmp_path, unlabeled)
    assert list(tmp_path.iterdir()) == []
    check_pseudo_labels(many, replace(TINY, pseudo_labels=0), few)
    for wrong in (-1, 0.5, True):
        with pytest.raises(DataError, match="pseudo_labels is"):
            Recipe(pseudo_labels=wrong)  # type: ignore[arg-type]
