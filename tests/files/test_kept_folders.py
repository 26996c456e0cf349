"""Folders that were written by each format's own code, long ago, still say what they said then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from steadfit.core.errors import FileFormatError
from steadfit.files.model_config import FORMAT_VERSION
from steadfit.files.model_folder import load_model
from steadfit.files.onnx_format import FORMAT_VERSION as ONNX_VERSION
from steadfit.files.onnx_format import read_onnx_config
from steadfit.inference.ensemble_folder import FORMAT_VERSION as CLASSIFIER_VERSION
from steadfit.inference.ensemble_folder import load_ensemble
from steadfit.inference.onnx_reader import OnnxReader
from steadfit.inference.predictor import Predictor

# `answers.json` in each holds texts, and the probabilities that the code of then gave.
KEPT = Path(__file__).parent / "kept"
VERSIONS = range(1, FORMAT_VERSION + 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_folder_of_every_format_predicts_what_it_did_when_it_was_written(version: int) -> None:
    folder = KEPT / f"format-{version}"
    assert json.loads((folder / "config.json").read_text("utf-8"))["format_version"] == version
    said = json.loads((folder / "answers.json").read_text("utf-8"))
    saved = load_model(folder, "classifier")
    assert saved.details["seed"] == version
    assert saved.metrics == {"accuracy": 0.8125}
    assert saved.backwards == (version == 2)
    answers = Predictor.load(folder, engine="float32").probabilities(said["texts"])
    torch.testing.assert_close(answers, torch.tensor(said["probabilities"]), atol=1e-5, rtol=0)
    # The commands read it, too.
    found = load_ensemble(folder, "float32").probabilities(said["texts"])
    assert abs(found - answers.double().numpy()).max() < 1e-6


def test_a_kept_classifier_labels_as_it_did_when_it_was_written() -> None:
    folder = KEPT / "classifier-1"
    config = json.loads((folder / "classifier.json").read_text("utf-8"))
    assert config["format_version"] == CLASSIFIER_VERSION == 1, "keep a folder of the new one, too"
    said = json.loads((folder / "answers.json").read_text("utf-8"))
    found = load_ensemble(folder, "float32")
    answers = found.probabilities(said["texts"])
    np.testing.assert_allclose(answers, said["probabilities"], atol=1e-5)
    assert found.labels(answers) == said["labels"]


@pytest.mark.parametrize(("numbers", "close"), [("float32", 1e-5), ("int8", 1e-3)])
def test_a_kept_onnx_graph_answers_as_it_did_when_it_was_written(
    numbers: str, close: float
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: the extra [onnx]")
    folder = KEPT / f"onnx-1-{numbers}"
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["format_version"] == ONNX_VERSION == 1, "keep a folder of the new one, too"
    said = json.loads((folder / "answers.json").read_text("utf-8"))
    found = OnnxReader.load(folder)
    assert found.classes == ("neg", "pos")
    np.testing.assert_allclose(
        found.probabilities(said["texts"]), said["probabilities"], atol=close
    )


@pytest.mark.parametrize(
    ("read", "kept", "format"),
    [
        (Predictor.load, "onnx-1-float32", "steadfit-onnx"),
        (read_onnx_config, "format-3", "steadfit-model"),
    ],
)
def test_a_folder_in_another_format_of_ours_is_called_by_its_name(
    read: Callable[[Path], object], kept: str, format: str
) -> None:
    with pytest.raises(FileFormatError, match=f"is a folder in the format {format}; wanted is"):
        read(KEPT / kept)
