"""Columns of a table of labels that no text has: they stay, with the probability 0."""

from __future__ import annotations

import copy
import pickle
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from steadfit.core.errors import DataError, FileFormatError
from steadfit.estimator.classes import classes_of
from steadfit.estimator.kept import kept_classes
from steadfit.estimator.settings import recipe_of
from steadfit.estimator.text_classifier import TextClassifier
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)
NEW, NEW_LABELS = sentences(30, 1)
COLUMNS = ["neg", "never", "pos"]
pytestmark = pytest.mark.filterwarnings("ignore:No text has the label", "ignore:Label not")


def table(labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame({name: [int(one == name) for one in labels] for name in COLUMNS})


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tiny(epochs=4, batch_size=8).fit(TEXTS, table(LABELS))


def test_the_column_stays_and_the_others_are_as_without_it(model: TextClassifier) -> None:
    without = tiny(epochs=4, batch_size=8).fit(TEXTS, table(LABELS)[["neg", "pos"]])
    assert model.classes_.tolist() == COLUMNS
    found = model.predict_proba(NEW)
    assert (found[:, 1] == 0).all()
    assert (found[:, [0, 2]] == without.predict_proba(NEW)).all()
    assert (model.predict(NEW)[:, [0, 2]] == without.predict(NEW)).all()
    assert (model.predict(NEW)[:, 1] == 0).all()


def test_scikit_learn_answers_in_the_same_form(model: TextClassifier) -> None:
    other = make_pipeline(CountVectorizer(), OneVsRestClassifier(LogisticRegression()))
    other.fit(TEXTS, table(LABELS).to_numpy())
    theirs, ours = other.predict_proba(NEW), model.predict_proba(NEW)
    assert theirs.shape == ours.shape
    assert theirs[:, 1].tolist() == ours[:, 1].tolist()


def test_a_folder_and_a_pickle_keep_the_column(model: TextClassifier, tmp_path: Path) -> None:
    read = TextClassifier.from_pretrained(model.save_pretrained(tmp_path / "model"))
    for again in (read, pickle.loads(pickle.dumps(model))):
        assert again.classes_.tolist() == COLUMNS
        assert (again.predict_proba(NEW) == model.predict_proba(NEW)).all()
        assert again.score(NEW, model.predict(NEW)) == 1


def test_a_truth_that_has_the_column_is_not_right(model: TextClassifier) -> None:
    truth = model.predict(NEW)
    truth[:3, 1] = 1
    assert model.score(NEW, truth) == 27 / 30


def test_it_goes_on_without_the_column_and_refuses_texts_that_have_it(
    model: TextClassifier,
) -> None:
    again = pickle.loads(pickle.dumps(model)).continue_fit(NEW, table(NEW_LABELS))
    assert (again.predict_proba(NEW)[:, 1] == 0).all()
    assert (again.predict_proba(NEW) != model.predict_proba(NEW)).any()
    with pytest.raises(DataError, match=r"Labels hold \['never'\]"):
        again.continue_fit(NEW, table(NEW_LABELS).assign(never=1))
    with pytest.raises(DataError, match=r"Labels hold \['never'\]"):
        tiny().fit(TEXTS, table(LABELS), valid=(NEW, table(NEW_LABELS).assign(never=1)))


def test_a_rare_label_may_miss_a_fold() -> None:
    labels = table(LABELS).to_numpy().copy()
    labels[:5, 1] = 1  # all in the first fold
    given = {"cv": KFold(3), "error_score": "raise"}
    scores = cross_val_score(tiny(epochs=4, batch_size=8), TEXTS, labels, **given)
    assert scores.shape == (3,)
    assert scores[0] <= 15 / 20


def test_a_warning_names_the_columns() -> None:
    with pytest.warns(UserWarning, match="column 'never': its probability is 0"):
        classes_of(table(LABELS))


@pytest.mark.parametrize(
    ("labels", "told"), [(["pos"] * 4, "All labels are of one class"), ([], "No text has a label")]
)
def test_one_column_with_ones_is_one_class(labels: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        classes_of(table(labels))


def recipe(**changed: Any) -> Any:
    return recipe_of(TextClassifier(**changed).get_params(), classes_of(table(LABELS)))


def test_parameters_may_name_the_column_where_it_does_no_harm() -> None:
    assert recipe(class_weight={"never": 9, "pos": 2}).class_weight == {"pos": 2}
    with pytest.raises(DataError, match="metric is 'f1:never'"):
        recipe(metric="f1:never")


def test_classes_that_are_not_those_of_the_networks_are_refused(model: TextClassifier) -> None:
    details = copy.deepcopy(dict(model.ensemble_.details))
    assert details["estimator"]["classes"].pop("absent") == ["never"]
    with pytest.raises(FileFormatError, match="not those of its networks"):
        kept_classes(replace(model.ensemble_, details=details))
