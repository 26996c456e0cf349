"""A fitted estimator that goes on with more texts."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadfit.core.errors import DataError
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.recipe import further
from steadfit.recipe.network import train_network
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)
NEW, NEW_LABELS = sentences(30, 1)


def test_it_goes_on_with_new_texts(plain: TextClassifier) -> None:
    model = copy.deepcopy(plain)
    turned = ["pos" if name == "neg" else "neg" for name in NEW_LABELS]
    before = model.predict_proba(NEW)
    for _ in range(3):
        model.set_params(epochs=10, lr=0.2).continue_fit(NEW, turned)
    after = model.predict_proba(NEW)
    right = [list(model.classes_).index(name) for name in turned]
    rows = np.arange(len(NEW))
    assert after[rows, right].mean() > before[rows, right].mean()
    assert (plain.predict_proba(NEW) == before).all()
    assert len(model.ensemble_.details["continued"]) == 3
    with pytest.raises(DataError, match="no text to learn from has"):
        model.continue_fit(["a"], ["another"])


def test_with_a_checkpoint_dir_it_may_go_on_more_than_once(tmp_path: Path) -> None:
    model = tiny(blend=None, checkpoint_dir=tmp_path).fit(TEXTS, LABELS)
    again = copy.deepcopy(model)
    for one in (model, again):  # the second finds what the first has trained
        one.continue_fit(NEW, NEW_LABELS).continue_fit(TEXTS[:20], LABELS[:20])
    assert (model.predict_proba(NEW) == again.predict_proba(NEW)).all()


def test_texts_given_to_validate_on_are_fitted_on_and_not_learned_from(
    plain: TextClassifier,
) -> None:
    def went_on(**given: Any) -> TextClassifier:
        return (
            copy.deepcopy(plain).set_params(calibrate=True).continue_fit(NEW, NEW_LABELS, **given)
        )

    few, many = (sentences(count, 2) for count in (8, 40))
    without, with_few, with_many = went_on(), went_on(valid=few), went_on(valid=many)
    networks = [one.ensemble_.network_probabilities(TEXTS) for one in (without, with_few)]
    assert (networks[0] == networks[1]).all()
    assert without.ensemble_.scale == with_few.ensemble_.scale == 1.0
    assert with_many.ensemble_.scale != 1.0
    raw = [one.ensemble_.mean_probabilities(TEXTS) for one in (without, with_many)]
    assert (raw[0] == raw[1]).all()


def test_figures_of_the_weights_of_before_are_told_no_longer(plain: TextClassifier) -> None:
    model = copy.deepcopy(plain)
    model.ensemble_.details["test"] = {"accuracy": 0.9}
    assert model.report_["held_out"]["documents"] == 6
    few = copy.deepcopy(model).continue_fit(NEW[:8], NEW_LABELS[:8])
    many = copy.deepcopy(model).continue_fit(NEW, NEW_LABELS, valid=(TEXTS[:40], LABELS[:40]))
    assert few.report_["held_out"] == {}
    assert many.report_["held_out"]["documents"] == 40
    assert not {"test", "figures"} & set(few.ensemble_.details)
    assert "test" not in many.ensemble_.details
    assert model.ensemble_.details["test"] == {"accuracy": 0.9}


def test_it_stops_early_where_texts_are_held_out(
    plain: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def seen(*arguments: Any, valid: Any = None, patience: Any = None, **named: Any) -> Any:
        given.append((None if valid is None else len(valid.rows), patience))
        return train_network(*arguments, valid=valid, patience=patience, **named)

    monkeypatch.setattr(further, "train_network", seen)
    model = copy.deepcopy(plain).set_params(early_stopping=2)
    model.continue_fit(NEW, NEW_LABELS)
    model.continue_fit(NEW, NEW_LABELS, valid=(TEXTS, LABELS))
    assert given == [(None, None), (60, 2)]


def test_weighed_texts_may_have_one_class(plain: TextClassifier) -> None:
    texts = [text for text, label in zip(NEW, NEW_LABELS, strict=True) if label == "pos"]
    alike, halved = copy.deepcopy(plain), copy.deepcopy(plain)
    alike.continue_fit(texts, ["pos"] * len(texts))
    halved.continue_fit(texts, ["pos"] * len(texts), sample_weight=[0.5] * len(texts))
    np.testing.assert_allclose(alike.predict_proba(NEW), halved.predict_proba(NEW), atol=1e-5)
