"""The share of texts that are right, for labels and weights of every form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import accuracy_score

from steadfit.core.errors import DataError
from steadfit.estimator.classes import classes_of
from steadfit.estimator.text_classifier import TextClassifier
from tests.estimator.made_up import sentences

NEW, TRUTH = sentences(30, 1)
TRUTH = [*TRUTH[1:], TRUTH[0]][:10] + TRUTH[10:]  # the first ten are wrong


class Answering(TextClassifier):
    """A classifier whose answers are given, so that what is right is known."""

    def __init__(self, learned: Any = None, answers: Any = None) -> None:
        super().__init__()
        self.learned, self.answers = learned, answers
        self.classes_ = classes_of(learned).values
        self._classes = classes_of(learned)

    def predict(self, texts: Any) -> Any:
        return self.answers


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize(
    "form",
    [
        list,
        iter,
        np.array,
        pd.Series,
        pl.Series,
        lambda one: np.array(one).reshape(-1, 1),
        lambda one: pd.DataFrame({"y": one}),
        lambda one: pl.DataFrame({"y": one}),
    ],
    ids=["list", "iterator", "array", "pandas", "polars", "column", "frame", "polars frame"],
)
def test_every_form_that_fit_takes_is_scored_alike(fitted: TextClassifier, form: Any) -> None:
    wanted = accuracy_score(TRUTH, fitted.predict(NEW))
    assert 0 < wanted < 1
    assert fitted.score(NEW, form(TRUTH)) == wanted


def test_weights_are_those_of_scikit_learn(fitted: TextClassifier) -> None:
    weights = np.arange(30)
    wanted = accuracy_score(TRUTH, fitted.predict(NEW), sample_weight=weights)
    assert fitted.score(NEW, TRUTH, sample_weight=weights) == pytest.approx(wanted)
    assert fitted.score(NEW, TRUTH, sample_weight=weights.tolist()) == pytest.approx(wanted)
    assert wanted != accuracy_score(TRUTH, fitted.predict(NEW))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1] * 29, "30 texts and 29 sample weights"),
        ([0] * 30, "All sample weights are zero"),
        ([-1] * 30, "from -1 to -1"),
        ("heavy", "one number a text"),
        ([[1], [1, 2]], "one number a text"),
    ],
)
def test_weights_that_are_refused(fitted: TextClassifier, weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fitted.score(NEW, TRUTH, sample_weight=weights)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "Labels are None"),
        (TRUTH[:3], "30 texts and 3 labels"),
        (pd.DataFrame({"y": TRUTH, "z": TRUTH}), "Labels are a table"),
        ([{one} for one in TRUTH], "Labels are sets"),
    ],
)
def test_labels_that_cannot_be_compared(fitted: TextClassifier, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fitted.score(NEW, labels)


@pytest.mark.parametrize(
    ("learned", "truth"),
    [
        (["0", "1"], [0, 1, 1, 0]),
        (["0", "1"], np.array([0, 1, 1, 0])),
        (["0", "1"], [0.0, 1.0, 1.0, 0.0]),
        (["0", "1"], pd.Series([0, 1, 1, 0])),
        ([0, 1], ["0", "1", "1", "0"]),
        ([0, 1], [0.0, 1.0, 1.0, 0.0]),
        ([0.0, 1.0], ["0", "1", "1", "0"]),
        ([0.0, 1.0], [0, 1, 1, 0]),
        (["True", "False"], [False, True, True, False]),
    ],
)
def test_labels_that_are_known_as_text_are_understood(learned: list[Any], truth: Any) -> None:
    first, second = sorted(learned)
    model = Answering(learned, np.array([first, second, first, second]))
    assert model.score(["a"] * 4, truth) == 0.5


def test_text_is_not_looked_at_where_labels_are_known_as_given() -> None:
    model = Answering(["1", "1.0"], np.array(["1", "1.0"]))
    assert model.score(["a", "b"], ["1", "1"]) == 0.5


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_text_without_label_is_not_right_whatever_is_predicted(missing: Any) -> None:
    answers = np.array(["x", None, "y", None], dtype=object)
    assert Answering(["x", "y"], answers).score(["a"] * 4, ["x", missing, missing, "y"]) == 0.25
    assert Answering(["x", "y"], answers[[1, 3]]).score(["a"] * 2, [missing] * 2) == 0


def test_a_class_that_was_never_learned_is_not_right() -> None:
    assert Answering(["x", "y"], np.array(["x", "y"])).score(["a"] * 2, ["x", "z"]) == 0.5
    sets = Answering([{"x"}, {"y"}], [("x",), ("y",), ()])
    assert sets.score(["a"] * 3, [{"x"}, {"y", "z"}, set()]) == 2 / 3


def test_a_frames_columns_are_compared_by_name() -> None:
    frame = pd.DataFrame({"p": [1, 0, 1], "c": [0, 1, 1]})
    model = Answering(frame, np.array([[1, 0], [1, 0], [1, 1]]))
    wanted = accuracy_score(frame.to_numpy(), model.answers)
    assert model.score(["a"] * 3, frame) == wanted == 2 / 3
    assert model.score(["a"] * 3, frame[["c", "p"]]) == wanted
    assert model.score(["a"] * 3, frame.to_numpy().tolist()) == wanted
