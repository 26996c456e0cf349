"""An estimator on disk, in a pickle, and read again."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.exceptions import NotFittedError

from steadfit.core.errors import DataError, FileFormatError
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.inference.ensemble_folder import load_ensemble
from steadfit.inference.predictor import Predictor
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)
NEW, NEW_LABELS = sentences(30, 1)


def test_a_folder_keeps_it_to_the_bit(fitted: TextClassifier, tmp_path: Path) -> None:
    folder = fitted.save_pretrained(tmp_path / "model")
    read = TextClassifier.from_pretrained(folder)
    assert (read.predict_proba(NEW) == fitted.predict_proba(NEW)).all()
    assert read.get_params() == fitted.get_params()
    assert read.report_ == fitted.report_
    with pytest.raises(ValueError, match="exists already"):
        fitted.save_pretrained(tmp_path / "model")
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib")]


def test_one_network_of_it_can_be_read_too(fitted: TextClassifier, tmp_path: Path) -> None:
    folder = fitted.save_pretrained(tmp_path / "model")
    alone = TextClassifier.from_pretrained(folder / "backward")
    assert alone.classes_.tolist() == ["neg", "pos"]
    assert [one.backwards for one in alone.ensemble_.networks] == [True]
    assert (alone.encode(NEW) == fitted.encode(NEW)[:, 24:]).all()


def test_a_language_models_folder_gives_a_classifier_to_be_fitted(tmp_path: Path) -> None:
    tiny(language_model=True, checkpoint_dir=tmp_path).fit(TEXTS, LABELS)
    found = TextClassifier.from_pretrained(tmp_path / "language-model-forward")
    with pytest.raises(NotFittedError):
        found.predict(NEW)
    found.set_params(language_model=False, schedule="one-cycle", epochs=1)
    assert found.fit(TEXTS, LABELS).encode(NEW[:1]).shape == (1, 24)


def test_an_engine_may_be_chosen_and_goes_along_in_a_pickle(
    plain: TextClassifier, tmp_path: Path
) -> None:
    folder = plain.save_pretrained(tmp_path / "model")
    read = TextClassifier.from_pretrained(folder, engine="float32")
    again = pickle.loads(pickle.dumps(read))
    whole = load_ensemble(folder, engine="float32").probabilities(NEW)
    for one in (read, again):
        assert one.ensemble_.engine == "float32"
        assert (one.predict_proba(NEW) == whole).all()
    assert pickle.loads(pickle.dumps(plain)).ensemble_.engine == "auto"


def test_an_engine_that_is_none_is_refused(plain: TextClassifier, tmp_path: Path) -> None:
    folder = plain.save_pretrained(tmp_path / "model")
    with pytest.raises(DataError, match="float16"):
        TextClassifier.from_pretrained(folder, engine="float16")
    tiny(language_model=True, checkpoint_dir=tmp_path).fit(TEXTS, LABELS)
    with pytest.raises(DataError, match="language-model, which is still to be trained"):
        TextClassifier.from_pretrained(tmp_path / "language-model-forward", engine="int8")


def test_a_predictor_names_what_reads_the_whole(plain: TextClassifier, tmp_path: Path) -> None:
    folder = plain.save_pretrained(tmp_path / "model")
    with pytest.raises(FileFormatError, match=r"inside it: forward\..* load_ensemble"):
        Predictor.load(folder)


def test_processes_hand_it_to_each_other(plain: TextClassifier, tmp_path: Path) -> None:
    joblib.dump(plain, tmp_path / "model.joblib")
    read = joblib.load(tmp_path / "model.joblib")
    assert (read.predict_proba(NEW) == plain.predict_proba(NEW)).all()


def test_a_folder_of_a_newer_format_is_refused_in_one_line(
    plain: TextClassifier, tmp_path: Path
) -> None:
    folder = plain.save_pretrained(tmp_path / "model")
    config = json.loads((folder / "classifier.json").read_text("utf-8"))
    (folder / "classifier.json").write_text(json.dumps({**config, "format_version": 99}), "utf-8")
    with pytest.raises(FileFormatError, match=r"in format 99, newer .* Install a newer Steadfit\."):
        TextClassifier.from_pretrained(folder)


@pytest.mark.parametrize("values", [[10, 2], [True, False], [1.0, 0.0]])
def test_labels_come_back_as_they_were_given(values: list[Any], tmp_path: Path) -> None:
    labels = [values[name == "neg"] for name in LABELS]
    model = tiny().fit(TEXTS, labels)
    assert model.classes_.tolist() == sorted(values)
    read = TextClassifier.from_pretrained(model.save_pretrained(tmp_path / "model"))
    for one in (model, read):
        predicted = one.predict(NEW).tolist()
        assert {type(label) for label in predicted} == {type(values[0])}
        assert set(predicted) <= set(values)
        assert one.score(NEW, [values[name == "neg"] for name in NEW_LABELS]) > 0.7
