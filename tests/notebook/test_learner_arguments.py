"""Class weights and several classes a document, as the learner's makers take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadfit import Predictor, TextList, load_learner, text_classifier_learner
from steadfit.core.errors import DataError
from steadfit.data.label_sets import LabelSets
from steadfit.models.classifier import TextClassifier
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.learner_arguments import class_weights_of
from tests.notebook.conftest import SMALL

TEXTS = ["a law", "a film", "a law film", "a day", "the law", "the film of law", "the day", "film"]
SETS = [["law"], ["film"], ["law", "film"], [], ["law"], {"film", "law"}, (), ["film"]]


@pytest.fixture
def uneven(tmp_path: Path) -> DataBunch:
    labels = ["neg"] * 5 + ["pos"] * 2 + ["neg"]
    texts = TextList.from_texts(TEXTS, tmp_path).split_by_idx([6, 7])
    return texts.label_from_list(labels).databunch(bs=3, min_freq=1)


@pytest.fixture
def sets(tmp_path: Path) -> DataBunch:
    texts = TextList.from_texts(TEXTS, tmp_path).split_by_idx([6, 7])
    return texts.label_from_list(SETS).databunch(bs=3, min_freq=1)


def test_balanced_weights_count_the_training_documents(uneven: DataBunch) -> None:
    found = class_weights_of("balanced", uneven)  # five and one
    assert found is not None
    assert found.tolist() == pytest.approx([6 / (2 * 5), 6 / (2 * 1)])


@pytest.mark.parametrize("given", [{"pos": 3, "neg": 0.5}, [0.5, 3], np.array([0.5, 3.0])])
def test_weights_go_by_name_or_by_the_order_of_the_classes(given: Any, uneven: DataBunch) -> None:
    learn = text_classifier_learner(uneven, config=SMALL, class_weights=given, label_smoothing=0.1)
    settings = learn.objective.settings()
    assert settings == {"class_weights": [0.5, 3.0], "label_smoothing": pytest.approx(0.1)}


@pytest.mark.parametrize(
    "given", ["even", {"pos": 1}, {"pos": 1, "neg": 1, "so": 1}, [1], ["1", "2"], torch.ones(3)]
)
def test_weights_that_are_none_are_refused(given: Any, uneven: DataBunch) -> None:
    with pytest.raises(DataError, match="class_weights"):
        text_classifier_learner(uneven, config=SMALL, class_weights=given)


def test_sets_of_labels_make_a_classifier_for_several_classes_from_end_to_end(
    sets: DataBunch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sets.classes == ("film", "law")
    assert isinstance(sets.store.labels, LabelSets)
    sets.show_batch(3)
    assert "a law film\tfilm;law" in capsys.readouterr().out.replace("xxbos ", "")
    learn = text_classifier_learner(sets, config=SMALL, path=tmp_path, class_weights="balanced")
    learn.fit_one_cycle(1, 1e-2)
    probabilities, labels = learn.get_preds()
    assert labels.tolist() == [[0, 0], [1, 0]]
    learn.save("best")
    assert learn.load("best") is learn
    model = load_learner(learn.export())
    assert isinstance(model, Predictor)
    assert model.model.multi_label
    torch.testing.assert_close(model.probabilities(TEXTS[6:]), probabilities)
    assert model.predict_sets(TEXTS[6:], threshold=0.0) == [("film", "law")] * 2


def test_weights_of_a_model_for_one_class_are_not_taken_for_several(
    sets: DataBunch, tmp_path: Path
) -> None:
    learn = text_classifier_learner(sets, config=SMALL, path=tmp_path)
    model = TextClassifier(learn.model.config, 2).eval()
    learn.objective.model = model
    learn.save("one")
    learn.objective.model = TextClassifier(learn.model.config, 2, multi_label=True).eval()
    with pytest.raises(DataError, match="other sizes, classes"):
        learn.load("one")


def test_a_class_without_a_training_document_is_named(tmp_path: Path) -> None:
    texts = TextList.from_texts(TEXTS, tmp_path).split_by_idx([6, 7])
    labels = [*SETS[:6], ["day"], ["film", "day"]]
    with pytest.raises(DataError, match=r"'day' has no training document \(2 of validation\)"):
        texts.label_from_list(labels).databunch(bs=3, min_freq=1)
