"""Parameters of an estimator on disk: numbers of numpy, and the user's own folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steadfit.core.errors import DataError, FileFormatError
from steadfit.estimator.classes import classes_of
from steadfit.estimator.kept import kept_parameters, with_parameters
from steadfit.estimator.text_classifier import TextClassifier
from steadfit.inference.ensemble_folder import save_ensemble
from tests.estimator.made_up import sentences, tiny

TEXTS, LABELS = sentences(60, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("random_state", np.int64(5)),
        ("epochs", np.int16(2)),
        ("label_smoothing", np.float32(0.1)),
        ("refit", np.bool_(True)),
        ("metric", np.str_("macro-f1")),
        ("class_weight", {np.int64(0): 1.0, np.int64(1): np.float32(3)}),
        ("class_weight", {"neg": np.float64(2)}),
        ("sizes", {"emb_sz": np.int64(8), "dropouts": [np.float32(0.5)]}),
        ("text", [np.str_("title"), "body"]),
        ("pretrained", Path("folder", "model")),
    ],
)
def test_numbers_of_numpy_are_kept_as_numbers(plain: TextClassifier, name: str, value: Any) -> None:
    kept = with_parameters(plain.ensemble_, {name: value}, classes_of(LABELS))
    found = kept_parameters(kept, {name})[name]
    assert found == (str(value) if isinstance(value, Path) else value)


def test_a_folder_from_elsewhere_does_not_choose_where_a_fit_writes(
    plain: TextClassifier, tmp_path: Path
) -> None:
    kept = with_parameters(plain.ensemble_, {"epochs": 3}, classes_of(LABELS))
    kept.details["estimator"]["parameters"] |= {"checkpoint_dir": "~/theirs", "verbose": True}
    found = TextClassifier.from_pretrained(save_ensemble(tmp_path / "model", kept)).get_params()
    assert (found["epochs"], found["checkpoint_dir"], found["verbose"]) == (3, None, False)


@pytest.mark.parametrize(
    "strange",
    [
        "text",
        {"parameters": [1]},
        {"parameters": {"class_weight": [1]}},
        {"parameters": {"class_weight": [["neg", 1.0, 2.0]]}},
        {"classes": "neg"},
        {"classes": {"kind": "str"}},
    ],
)
def test_a_sealed_folder_with_strange_parameters_is_refused(
    plain: TextClassifier, tmp_path: Path, strange: Any
) -> None:
    kept = replace(plain.ensemble_, details={**plain.ensemble_.details, "estimator": strange})
    folder = save_ensemble(tmp_path / "model", kept)
    with pytest.raises(FileFormatError, match=r"of an estimator|of its estimator is damaged"):
        TextClassifier.from_pretrained(folder)


def test_a_folder_gives_back_what_numpy_gave(tmp_path: Path) -> None:
    given = {
        "random_state": np.int64(5),
        "epochs": np.int64(2),
        "class_weight": {np.int64(0): 1.0, np.int64(1): 3.0},
    }
    model = tiny(blend=None, **given).fit(TEXTS, [int(one == "pos") for one in LABELS])
    found = TextClassifier.from_pretrained(model.save_pretrained(tmp_path / "model")).get_params()
    assert {name: found[name] for name in given} == given
    assert type(found["epochs"]) is int


def test_the_users_own_folder_is_the_same_place_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(here)
    model = tiny(language_model=True, blend=None, checkpoint_dir="~/work").fit(TEXTS, LABELS)
    for place in ("~/model", Path("~/model")):
        assert model.save_pretrained(place, overwrite=True) == home / "model"
        read = TextClassifier.from_pretrained(place)
        assert (read.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()
    started = TextClassifier.from_pretrained("~/work/language-model-forward")
    started.set_params(language_model=False, epochs=1, blend=None).fit(TEXTS, LABELS)
    assert started.encode(TEXTS[:1]).shape == (1, 24)
    assert sorted(one.name for one in home.iterdir()) == ["model", "work"]
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("path", [5, None, "a\0b"])
def test_what_is_no_path_is_refused(plain: TextClassifier, path: Any) -> None:
    with pytest.raises(DataError, match="accepted are paths"):
        plain.save_pretrained(path)
    with pytest.raises(DataError, match="accepted are paths"):
        TextClassifier.from_pretrained(path)
