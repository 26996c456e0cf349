"""scikit-learn takes the estimator for one of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from steadfit.estimator.text_classifier import TextClassifier
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(48, 0)


class OfNumbers(TextClassifier):
    """Reads a row of numbers as a text of as many words, since the checks know no texts.

    What the checks ask of numbers (shapes, NaN, sparse tables) is validated here by scikit-learn's
    own function, so they say nothing of the estimator; everything else they ask is.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> OfNumbers:  # type: ignore[override]
        X, y = validate_data(self, X, y)
        super().fit(as_texts(X), y, sample_weight=sample_weight)
        return self

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(self._read(X))

    def predict(self, X: Any) -> Any:
        return super().predict(self._read(X))

    def _read(self, X: Any) -> Any:
        if not hasattr(self, "n_features_in_") or (isinstance(X, list) and isinstance(X[0], str)):
            return X
        return as_texts(validate_data(self, X, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = False, True
        tags.classifier_tags.multi_label = False
        tags.classifier_tags.poor_score = True  # two steps of training
        return tags


def as_texts(X: Any) -> list[str]:
    return [" ".join(f"c{place}v{value:.0f}" for place, value in enumerate(row)) for row in X]


NOT_FOR_TEXTS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a text twice is two rows of a batch, a weight of two is one: other batches, and half of "
        "both are held out by chance"
    ),
    "check_fit_score_takes_y": "the second argument is called labels, as its documents are texts",
    "check_n_features_in_after_fitting": "score is called with y=, and texts have no features",
}


@parametrize_with_checks(
    [tiny(), OfNumbers(**tiny(blend=None, batch_size=64).get_params())],
    expected_failed_checks=lambda _: NOT_FOR_TEXTS,
)
def test_it_does_what_is_asked_of_every_classifier(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_says_that_it_reads_texts() -> None:
    tags = tiny().__sklearn_tags__()
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.estimator_type == "classifier"


def test_a_clone_has_its_parameters_and_nothing_learned() -> None:
    model = tiny(class_weight={"pos": 2.0}, text="body")
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(tiny(blend=None).fit(TEXTS, LABELS)), "classes_")


def test_it_stands_in_a_pipeline_and_is_cross_validated() -> None:
    model = make_pipeline(FunctionTransformer(lowered), tiny())
    scores = cross_val_score(model, [text.upper() for text in TEXTS], LABELS, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.6


def lowered(texts: list[str]) -> list[str]:
    return [text.lower() for text in texts]


def test_probabilities_out_of_sample_are_what_label_checks_take() -> None:
    model = tiny(blend=None)
    table = cross_val_predict(model, TEXTS, LABELS, cv=3, method="predict_proba")
    assert table.shape == (48, 2)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    first = [row for row in range(48) if row >= 16]  # the first fold is the first third
    by_hand = clone(model).fit([TEXTS[row] for row in first], [LABELS[row] for row in first])
    np.testing.assert_allclose(table[:16], by_hand.predict_proba(TEXTS[:16]), atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # of joblib, about short tasks
def test_a_grid_is_searched_in_two_processes() -> None:
    search = GridSearchCV(tiny(blend=None), {"schedule": ["one-cycle", "gradual"]}, cv=2, n_jobs=2)
    search.fit(TEXTS, LABELS)
    assert set(search.best_params_) == {"schedule"}
    assert search.predict(TEXTS[:3]).shape == (3,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_its_probabilities_can_be_calibrated_by_others() -> None:
    model = CalibratedClassifierCV(tiny(blend=None), cv=2).fit(TEXTS, LABELS)
    assert model.predict_proba(TEXTS[:5]).shape == (5, 2)
    assert model.classes_.tolist() == ["neg", "pos"]
