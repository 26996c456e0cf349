"""Model folders and checkpoints in the hands of somebody hostile, or on a dying disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import FileFormatError
from steadfit.core.json_files import sealed
from steadfit.files.checkpoint import newest_checkpoint, read_checkpoint, write_checkpoint
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import SavedModel, load_model
from steadfit.files.tensors import load_tensors
from steadfit.text.tokenizer import Tokenizer
from tests.files.hostile import (
    as_json,
    damages,
    no_file_but_something_else,
    plant_and_read,
    replacements,
    same_or_refused,
    usable_or_refused,
)

SavedFolder = Callable[[Kind], Path]
MODEL_FILES = {"config.json", "tokenizer.json", "model.safetensors"}
fuzzed = hypothesis.settings(
    max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


def described(saved: SavedModel) -> dict[str, Any]:
    return {
        "weights": {name: value.tolist() for name, value in saved.model.state_dict().items()},
        "sizes": saved.model.config,
        "tokenizer": saved.tokenizer,
        "rest": (saved.classes, saved.backwards, dict(saved.details), dict(saved.metrics)),
        "reading": [getattr(saved.model, name, None) for name in ("bptt", "grad_tokens")],
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    tensors = {"model.w": torch.arange(6.0).view(2, 3), "rng": torch.arange(9, dtype=torch.uint8)}
    return write_checkpoint(tmp_path / "c", 3, tensors, {"place": {"step": 5}, "ordinal": 3}, 2)


def read_as_values(path: Path) -> Any:
    found = read_checkpoint(path)
    return {name: value.tolist() for name, value in found.tensors.items()}, found.values


# ---- damage --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*sorted(MODEL_FILES), "metrics.json"])
@fuzzed
@given(data=st.data())
def test_a_damaged_model_is_the_same_or_refused(
    name: str, saved_folder: SavedFolder, data: st.DataObject
) -> None:
    folder = saved_folder("classifier")
    expected = described(load_model(folder))
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(data.draw(damages(whole)))
    same_or_refused(lambda: described(load_model(folder)), expected)
    (folder / name).write_bytes(whole)  # the next example writes over this folder


@pytest.mark.parametrize("number", range(3))
@fuzzed
@given(data=st.data())
def test_a_damaged_checkpoint_is_the_same_or_refused(
    number: int, checkpoint: Path, data: st.DataObject
) -> None:
    expected = read_as_values(checkpoint)
    path = sorted(checkpoint.iterdir())[number]
    whole = path.read_bytes()
    path.write_bytes(data.draw(damages(whole)))
    same_or_refused(lambda: read_as_values(checkpoint), expected)
    path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["classifier", "language-model", "encoder"])
def test_every_bit_of_a_configuration_counts(kind: Kind, saved_folder: SavedFolder) -> None:
    folder = saved_folder(kind)
    file = folder / "config.json"
    whole = file.read_bytes()
    expected = described(load_model(folder))
    for place in range(0, len(whole), 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        same_or_refused(lambda: described(load_model(folder)), expected)


# ---- intent --------------------------------------------------------------------------------


def test_a_configuration_with_any_value_in_any_place_is_usable_or_refused(
    saved_folder: SavedFolder,
) -> None:
    folder = saved_folder("classifier")
    content = as_json(folder / "config.json")
    for changed in replacements(content):
        (folder / "config.json").write_text(json.dumps(sealed(changed)), "utf-8")
        usable_or_refused(lambda: load_model(folder))


def test_a_tokenizer_with_any_value_in_any_place_is_usable_or_refused(
    saved_folder: SavedFolder,
) -> None:
    file = saved_folder("encoder") / "tokenizer.json"
    for changed in replacements(as_json(file)):
        file.write_text(json.dumps(changed), "utf-8")
        usable_or_refused(lambda: Tokenizer.load(file).encode("The film xxbos."))


HEADERS: list[Any] = [
    {"x": {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 8]}},
    {"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}},
    {"x": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 8]}},
    {"x": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
    {"x": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
    {"x": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}},
    {"x": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}},
    {"x": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}},
    {"x": {"dtype": "object", "shape": [2], "data_offsets": [0, 8]}},
    {"x": {"dtype": "BOOL", "shape": [8], "data_offsets": [0, 8]}},
    {"x": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}},
    {"x": {"dtype": "F8_E8M0", "shape": [8], "data_offsets": [0, 8]}},
    {"x": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}},
    {"x": {"dtype": "U16", "shape": [4], "data_offsets": [0, 8]}},
    {f"x{i}": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for i in range(9)},
    {"../../x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
    {"__metadata__": {"x": 3}},
    {"__metadata__": {"x": "y"}},
    [],
    None,
]


@pytest.mark.parametrize("header", HEADERS)
def test_tensors_with_a_forged_header_are_read_or_refused(header: Any, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(range(8)))
    usable_or_refused(lambda: load_tensors(path))


@pytest.mark.parametrize("length", [0, 1, 7, 2**20, 2**40, 2**63, 2**64 - 1])
def test_the_length_of_a_header_takes_no_memory(length: int, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileFormatError):
        load_tensors(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_no_pickle_is_run_whatever_file_it_stands_in_for(
    saved_folder: SavedFolder, checkpoint: Path, tmp_path: Path
) -> None:
    folder = saved_folder("classifier")
    sprung = tmp_path / "sprung"
    plant_and_read(folder, lambda: load_model(folder), sprung)
    plant_and_read(checkpoint, lambda: read_checkpoint(checkpoint), sprung)


def test_what_is_no_file_is_refused_and_never_waited_for(
    saved_folder: SavedFolder, checkpoint: Path
) -> None:
    folder = saved_folder("classifier")
    no_file_but_something_else(folder, lambda: load_model(folder), MODEL_FILES)
    names = {path.name for path in checkpoint.iterdir()}
    no_file_but_something_else(checkpoint, lambda: read_checkpoint(checkpoint), names)


def test_names_of_checkpoints_lead_nowhere_else(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("checkpoint-9", "checkpoint-00000009x", "..checkpoint-00000009"):
        shutil.copytree(checkpoint, checkpoint.parent / name)
    (checkpoint.parent / "checkpoint-00000010").write_text("not a folder")
    with pytest.warns(UserWarning, match="checkpoint-00000010 is damaged"):
        found = newest_checkpoint(checkpoint.parent)
    assert found is not None
    assert found.values["ordinal"] == 3
