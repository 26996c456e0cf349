"""Networks averaged, tempered and mixed, against the same by hand; and a folder that is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.files.model_folder import SavedModel
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble, tempered
from steadfit.inference.ensemble_folder import CONFIG, load_ensemble, save_ensemble
from steadfit.inference.predictor import Predictor
from steadfit.kernels import choose, precision
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab

TEXTS = ["good film", "bad film", "good good", "bad bad film good", ""]
NAMES = ("neg", "pos")
LINEAR = fit_nbsvm(TEXTS[:4], ["pos", "neg", "pos", "neg"], classes=NAMES, calibrated=False)


def network(seed: int, backwards: bool = False, classes: tuple[str, ...] = NAMES) -> SavedModel:
    tokenizer = Tokenizer(Vocab.from_counts(["good", "bad", "film"], [3, 3, 3], min_freq=1))
    sizes = {"emb_sz": 4, "n_hid": 5, "n_layers": 2}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(tokenizer.vocab), 1.0, sizes)
    draw = torch.Generator().manual_seed(seed)
    model = TextClassifier(config, len(classes), generator=draw).eval()
    return SavedModel(model, tokenizer, classes, backwards)


def alone(saved: SavedModel) -> np.ndarray:
    assert isinstance(saved.model, TextClassifier)
    reader = Predictor(saved.model, saved.tokenizer, saved.classes, saved.backwards, "float32")
    return reader.probabilities(TEXTS).double().numpy()


def test_two_networks_are_averaged_tempered_and_mixed_as_by_hand() -> None:
    both = (network(0), network(1, backwards=True))
    found = Ensemble(both, Decision(NAMES), 2.0, LINEAR, 0.25, engine="float32")
    mean = (alone(both[0]) + alone(both[1])) / 2
    by_hand = mean**2 / (mean**2).sum(axis=1, keepdims=True)  # twice the logits
    np.testing.assert_allclose(found.network_probabilities(TEXTS), by_hand, atol=1e-6)
    mixed = 0.25 * by_hand + 0.75 * LINEAR.probabilities(TEXTS)
    np.testing.assert_allclose(found.probabilities(TEXTS), mixed, atol=1e-6)
    assert found.labels(mixed) == [NAMES[code] for code in mixed.argmax(axis=1)]


def test_with_no_weight_for_the_network_the_linear_model_speaks_alone() -> None:
    found = Ensemble((network(0),), Decision(NAMES), linear=LINEAR, weight=0.0)
    assert (found.probabilities(TEXTS) == LINEAR.probabilities(TEXTS)).all()


@pytest.mark.parametrize("linear", [None, LINEAR])
def test_texts_come_once_and_one_string_is_no_list_of_them(linear: LinearModel | None) -> None:
    weight = 1.0 if linear is None else 0.5
    found = Ensemble((network(0),), Decision(NAMES), 1.0, linear, weight, engine="float32")
    once = found.probabilities(text for text in TEXTS)
    np.testing.assert_array_equal(once, found.probabilities(TEXTS))
    for ask in (found.probabilities, found.network_probabilities, found.mean_probabilities):
        with pytest.raises(DataError, match="One string was given; give a list"):
            ask("good film")
        with pytest.raises(DataError, match="texts is None"):
            ask(None)  # type: ignore[arg-type]


def test_a_linear_model_gives_one_class_and_is_refused_where_a_text_may_have_many() -> None:
    many = network(0)
    assert isinstance(many.model, TextClassifier)
    many.model.multi_label = True
    decision = Decision(NAMES, multi_label=True)
    Ensemble((many,), decision)
    for weight in (0.0, 0.5, 1.0):
        with pytest.raises(DataError, match="a linear model gives a text one class"):
            Ensemble((many,), decision, linear=LINEAR, weight=weight)


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_a_temperature_changes_no_label_and_each_label_of_many_by_itself(scale: float) -> None:
    table = np.array([[0.9, 0.1], [0.4, 0.6], [1.0, 0.0]])
    assert (tempered(table, scale).argmax(axis=1) == table.argmax(axis=1)).all()
    many = tempered(table, scale, many=True)
    assert ((many > 0.5) == (table > 0.5)).all()
    # Of two classes, one of them by itself has the odds that both together give it.
    np.testing.assert_allclose(many, tempered(table, scale), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks": ()}, "0 networks were given"),
        ({"networks": (network(0), network(1))}, "the same direction"),
        ({"networks": (network(0, classes=("a", "b")),)}, "has the classes"),
        ({"decision": Decision(NAMES, multi_label=True)}, "do not agree"),
        ({"scale": 0.0}, "not a positive number"),
        ({"weight": 0.5}, "weight is 0.5"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes: dict[str, object], message: str) -> None:
    whole = Ensemble((network(0),), Decision(NAMES))
    with pytest.raises(DataError, match=message):
        replace(whole, **changes)


def test_numbers_of_numpy_come_back_from_a_folder_and_what_json_has_not_is_none(
    tmp_path: Path,
) -> None:
    details = {"error": math.inf, "deep": [{"nan": np.float32("nan"), "loss": np.float32(0.5)}]}
    mixed = (np.float32(0.5), LINEAR, np.float64(0.25), details)
    whole = Ensemble((network(0),), Decision(NAMES), *mixed, engine="float32")
    folder = save_ensemble(tmp_path / "model", whole)
    written = json.loads((folder / CONFIG).read_text("utf-8"), parse_constant=pytest.fail)
    assert written["details"] == {"error": None, "deep": [{"nan": None, "loss": 0.5}]}
    read = load_ensemble(folder, engine="float32")
    assert read.details == written["details"]
    assert [(type(one), one) for one in (read.scale, read.weight)] == [(float, 0.5), (float, 0.25)]
    assert (read.probabilities(TEXTS) == whole.probabilities(TEXTS)).all()
    with pytest.raises(DataError, match="details: source holds what JSON does not know"):
        save_ensemble(tmp_path / "other", replace(whole, details={"source": Path("a.csv")}))
    assert not (tmp_path / "other").exists()


def test_a_folder_that_was_altered_or_is_newer_is_refused_and_others_are_left_alone(
    tmp_path: Path,
) -> None:
    folder = save_ensemble(tmp_path / "model", Ensemble((network(0),), Decision(NAMES)))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    for changes, message in (
        ({"scale": 3.0}, "was altered"),
        ({"format_version": 99}, "format 99, newer than this version reads"),
        ({"format": "other"}, "is not the configuration of a classifier"),
    ):
        (folder / CONFIG).write_text(json.dumps({**config, **changes}), encoding="utf-8")
        with pytest.raises(FileFormatError, match=message):
            load_ensemble(folder)
    (folder / CONFIG).write_text(json.dumps(sealed(config)), encoding="utf-8")
    whole = load_ensemble(folder)
    with pytest.raises(FileFormatError, match="exists already"):
        save_ensemble(folder, whole, overwrite=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FileFormatError, match="not a classifier's folder"):
        save_ensemble(tmp_path / "mine", whole)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "key", ["decision", "networks", "scale", "weight", "linear", "details", "format_version"]
)
@pytest.mark.parametrize("value", ["missing", "a", [["x"]]])
def test_a_sealed_folder_that_lacks_a_key_or_holds_a_strange_value_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    folder = save_ensemble(tmp_path / "model", Ensemble((network(0),), Decision(NAMES)))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config[key] = value
    if value == "missing":
        del config[key]
    (folder / CONFIG).write_text(json.dumps(sealed(config)), encoding="utf-8")
    with pytest.raises(FileFormatError):
        load_ensemble(folder)


def test_an_engine_that_cannot_be_is_no_fault_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Ensemble((network(0),), Decision(NAMES), 1.0, LINEAR, 0.5, engine="float32")
    folder = save_ensemble(tmp_path / "model", whole)
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: False)
    monkeypatch.setattr(choose, "_chosen", None)
    monkeypatch.setenv(choose.VARIABLE, "fast")
    with pytest.raises(DataError, match="accepted are auto, plain, native") as raised:
        load_ensemble(folder)
    assert "copy" not in str(raised.value)
    assert load_ensemble(folder, engine="float32").engine == "float32"
