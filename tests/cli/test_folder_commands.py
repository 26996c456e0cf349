"""What is told of a model's folder is what stands in it, and a copy predicts the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from steadfit.cli.layers import layer_rows
from steadfit.inference.ensemble_folder import load_ensemble
from steadfit.inference.onnx_reader import OnnxReader
from steadfit.inference.predictor import Predictor
from tests.cli.conftest import SIZES, Run, refused, reviews

TEXTS = [row["review"] for row in reviews(20)]


def test_info_names_classes_sizes_and_what_was_read(steadfit: Run, model: Path) -> None:
    ended = steadfit("info", model, "--json")
    assert ended.status == 0, ended
    found = json.loads(ended.out)
    assert found["kind"] == "classifier"
    assert found["classes"] == ["neg", "pos"]
    network = found["networks"]["forward"]
    assert {name: network[name] for name in SIZES} == SIZES
    assert network["numbers"] == "float32"
    assert found["data"]["documents"] == 40
    assert found["bytes"] == sum(f.stat().st_size for f in model.rglob("*") if f.is_file())
    lines = dict(line.split("  ", 1) for line in steadfit("info", model).out.splitlines())
    assert lines["classes"].strip() == "neg, pos"


def test_the_fingerprint_changes_with_the_model_alone(
    steadfit: Run, model: Path, tmp_path: Path
) -> None:
    def fingerprint(folder: Path) -> str:
        return json.loads(steadfit("info", folder, "--json").out)["fingerprint"]

    copied = Path(shutil.copytree(model, tmp_path / "copy"))
    assert fingerprint(copied) == fingerprint(model)
    steadfit("export", model, "--out", tmp_path / "half", "--float16")
    assert fingerprint(tmp_path / "half") != fingerprint(model)


def test_info_of_a_network_alone(steadfit: Run, model: Path) -> None:
    found = json.loads(steadfit("info", model / "forward", "--json").out)
    assert found["reads"] == "forwards"
    assert found["format"].startswith("steadfit-model ")


def test_info_of_a_damaged_network_is_one_line(steadfit: Run, model: Path, tmp_path: Path) -> None:
    network = Path(shutil.copytree(model / "forward", tmp_path / "network"))
    (network / "metrics.json").write_text('{"accuracy": 0.9')
    assert "metrics.json is not a JSON file" in refused(steadfit("info", network))
    (network / "metrics.json").write_text('{"accuracy": 0.9}')
    assert "metrics.json was altered" in refused(steadfit("info", network))
    config = json.loads((network / "config.json").read_text())
    del config["model"]
    (network / "config.json").write_text(json.dumps(config))
    assert "model is missing" in refused(steadfit("info", network))


def test_layers_count_every_weight_once(steadfit: Run, model: Path) -> None:
    (network,) = load_ensemble(model).networks
    rows = layer_rows(network)
    assert sum(row["weights"] for row in rows) == sum(
        one.numel() for one in network.model.parameters()
    )
    assert rows[0]["group"] == 0
    assert max(row["group"] for row in rows) == len(network.model.layer_groups()) - 1
    ended = steadfit("layers", model)
    assert ended.out.startswith(f"forward: {sum(row['weights'] for row in rows):,} weights")
    assert json.loads(steadfit("layers", model, "--json").out)["forward"] == rows


@pytest.mark.parametrize(("flags", "close"), [((), 0), (("--float16",), 1e-2), (("--int8",), 5e-2)])
def test_an_exported_copy_predicts_alike(
    steadfit: Run, model: Path, table: Path, tmp_path: Path, flags: tuple[str, ...], close: float
) -> None:
    out = tmp_path / "out"
    ended = steadfit("export", model, "--out", out, *flags)
    assert ended.status == 0, ended
    first, second = (load_ensemble(one).probabilities(TEXTS) for one in (model, out))
    np.testing.assert_allclose(second, first, atol=close)
    # The columns the model learned from are kept, so that no command need be told them.
    assert steadfit("evaluate", out, table, "--against", model).status == 0
    assert "--overwrite" in refused(steadfit("export", model, "--out", out))
    assert steadfit("export", model, "--out", out, "--overwrite").status == 0


@pytest.mark.parametrize(("flags", "close"), [((), 1e-5), (("--int8",), 1e-2)])
def test_a_network_exported_as_onnx_predicts_alike(
    steadfit: Run, model: Path, tmp_path: Path, flags: tuple[str, ...], close: float
) -> None:
    for library in ("onnx", "onnxruntime"):
        pytest.importorskip(library, reason=f"{library} is not installed: the extra [onnx]")
    network, out = model / "forward", tmp_path / "out"
    for more in ((), ("--overwrite",)):
        ended = steadfit("export", network, "--out", out, "--onnx", *flags, *more)
        assert ended.status == 0, ended
        assert ended.error == ""
    found = OnnxReader.load(out, threads=1).probabilities(TEXTS)
    expected = Predictor.load(network, "float32").probabilities(TEXTS)
    np.testing.assert_allclose(found, expected, atol=close)
    assert "--overwrite" in refused(steadfit("export", network, "--out", out, "--onnx"))


def test_what_cannot_be_exported_is_one_line(steadfit: Run, model: Path, tmp_path: Path) -> None:
    message = refused(steadfit("export", model, "--out", tmp_path / "x", "--onnx"))
    assert f"one by one, each for itself: {model / 'forward'}" in message
    assert steadfit("export", model, "--out", tmp_path / "x", "--onnx", "--float16").status == 2
    assert "is the model itself" in refused(
        steadfit("export", model, "--out", model, "--overwrite")
    )
    both = ("export", model, "--out", tmp_path / "x", "--int8", "--float16")
    assert steadfit(*both).status == 2
    assert not (tmp_path / "x").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    refused(steadfit("export", model, "--out", tmp_path / "mine", "--overwrite"))
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert "There is no model folder" in refused(steadfit("info", tmp_path / "nothing"))
