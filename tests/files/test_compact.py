"""Weights stored in fewer bytes come back as near as those bytes allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.files.compact import NUMBERS, packed, unpacked
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel, load_model, save_model
from steadfit.files.tensors import load_tensors
from steadfit.models.language_model import LanguageModel

FILE = Path("model.safetensors")
KINDS: list[Kind] = ["language-model", "classifier", "encoder"]
MakeSaved = Callable[..., SavedModel]
wide_numbers = st.floats(-6e4, 6e4, width=32)


def in_float16(tensor: Tensor) -> Tensor:
    return torch.from_numpy(tensor.numpy().astype(np.float16).astype(np.float32))


def is_matrix_of_an_lstm(name: str) -> bool:
    return name.endswith(("weight_ih_l0", "weight_hh_l0"))


@pytest.mark.parametrize("kind", KINDS)
def test_float16_comes_back_as_float32_rounded_once(
    kind: Kind, make_saved: MakeSaved, tmp_path: Path
) -> None:
    saved = make_saved(kind)
    loaded = load_model(save_model(tmp_path / "m", saved, "float16"))
    for name, value in saved.model.state_dict().items():
        found = loaded.model.state_dict()[name]
        assert found.dtype == value.dtype
        assert torch.equal(found, in_float16(value) if value.is_floating_point() else value), name
    assert replace(loaded, model=saved.model) == saved
    stored = load_tensors(tmp_path / "m" / "model.safetensors").values()
    assert {one.dtype for one in stored} <= {torch.float16, torch.int64}


@pytest.mark.parametrize("kind", KINDS)
def test_int8_is_for_the_matrices_of_lstms_and_half_a_step_of_a_row_off_at_most(
    kind: Kind, make_saved: MakeSaved, tmp_path: Path
) -> None:
    saved = make_saved(kind)
    loaded = load_model(save_model(tmp_path / "m", saved, "int8"))
    stored = load_tensors(tmp_path / "m" / "model.safetensors")
    for name, value in saved.model.state_dict().items():
        found = loaded.model.state_dict()[name]
        if is_matrix_of_an_lstm(name):
            assert stored[name].dtype == torch.int8
            half_a_step = value.abs().amax(dim=1, keepdim=True) / 127 / 2
            assert ((found - value).abs() <= half_a_step * 1.001).all()
        elif value.is_floating_point():
            assert torch.equal(found, in_float16(value)), name
    in_int8 = {name for name, tensor in stored.items() if tensor.dtype == torch.int8}
    assert in_int8 == {name for name in stored if is_matrix_of_an_lstm(name)}
    assert len(in_int8) == 6


@pytest.mark.parametrize("numbers", NUMBERS)
def test_saving_what_was_read_again_changes_nothing(
    numbers, make_saved: MakeSaved, tmp_path: Path
) -> None:
    once = load_model(save_model(tmp_path / "a", make_saved("classifier"), numbers))
    twice = load_model(save_model(tmp_path / "b", once, numbers))
    for name, value in once.model.state_dict().items():
        torch.testing.assert_close(twice.model.state_dict()[name], value, rtol=1e-6, atol=0)


@pytest.mark.parametrize("numbers", ["float16", "int8"])
def test_a_tied_weight_is_stored_once_and_tied_when_read(
    numbers, make_saved: MakeSaved, tmp_path: Path
) -> None:
    model = load_model(save_model(tmp_path / "m", make_saved("language-model"), numbers)).model
    assert isinstance(model, LanguageModel)
    assert model.decoder.weight is model.encoder.embedding.weight
    assert "decoder.weight" not in load_tensors(tmp_path / "m" / "model.safetensors")


def test_compact_folders_are_smaller(
    make_saved: MakeSaved, make_model: Callable[..., Model], tmp_path: Path
) -> None:
    large = replace(make_saved("encoder"), model=make_model("encoder", emb_sz=64, n_hid=128))
    sizes = {
        numbers: save_model(tmp_path / numbers, large, numbers)
        .joinpath("model.safetensors")
        .stat()
        .st_size
        for numbers in NUMBERS
    }
    assert 0.5 < sizes["float16"] / sizes["float32"] < 0.51
    assert 0.25 < sizes["int8"] / sizes["float32"] < 0.3


@pytest.mark.parametrize(
    ("numbers", "card"), [("float32", None), ("float16", "in float16 and"), ("int8", "in int8,")]
)
def test_configuration_and_card_name_the_numbers(
    numbers, card: str | None, make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", make_saved("encoder"), numbers)
    assert json.loads((folder / "config.json").read_text("utf-8"))["numbers"] == numbers
    text = (folder / "README.md").read_text("utf-8")
    assert card in text if card else "stored in" not in text


@pytest.mark.parametrize("numbers", ["float16", "int8"])
@pytest.mark.parametrize("value", [65520.0, -1e30])
def test_a_weight_beyond_float16_is_named_and_nothing_is_written(
    value: float, numbers, make_saved: MakeSaved, tmp_path: Path
) -> None:
    saved = make_saved("encoder")
    saved.model.embedding.weight.data[3, 1] = value
    with pytest.raises(DataError, match=r"embedding.weight holds .* ends at 65504.*float32"):
        save_model(tmp_path / "m", saved, numbers)
    assert not list(tmp_path.iterdir())
    saved.model.embedding.weight.data[3, 1] = 65519.0  # the last that is rounded down
    loaded = load_model(save_model(tmp_path / "m", saved, numbers)).model
    assert loaded.embedding.weight[3, 1] == 65504


@pytest.mark.parametrize("numbers", ["float8", None, 16, ["int8"]])
def test_other_numbers_are_refused(numbers, make_saved: MakeSaved, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="accepted are float32, float16, int8"):
        save_model(tmp_path / "m", make_saved("encoder"), numbers)


@given(st.lists(st.lists(wide_numbers, min_size=3, max_size=3), min_size=1, max_size=5))
def test_each_row_has_a_scale_of_its_own(rows: list[list[float]]) -> None:
    matrix = torch.tensor(rows)
    stored = packed({"weight_hh_l0": matrix}, "int8")
    found = unpacked(stored, "int8", FILE)["weight_hh_l0"]
    for got, row in zip(found.tolist(), matrix.tolist(), strict=True):
        largest = max(map(abs, row))
        # Scales of numbers that float32 itself holds with few digits have as few.
        step = largest / 127 + 1e-44
        assert got == pytest.approx(row, abs=step * 0.5001 if largest > 1e-30 else largest + step)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.update({"weight_hh_l0.scales": torch.ones(3)}), "do not fit"),
        (lambda t: t.update({"weight_hh_l0.scales": torch.tensor(1.0)}), "do not fit"),
        (lambda t: t.update({"weight_hh_l0": torch.ones(2, 4)}), "do not fit"),
        (lambda t: t.update({"weight_hh_l0": torch.ones(2).to(torch.int8)}), "do not fit"),
        (lambda t: t.pop("weight_hh_l0"), "scales of nothing"),
    ],
)
def test_scales_that_do_not_fit_are_refused(change, message: str) -> None:
    stored = packed({"weight_hh_l0": torch.ones(2, 4)}, "int8")
    change(stored)
    with pytest.raises(FileFormatError, match=message):
        unpacked(stored, "int8", FILE)


def test_int8_without_the_word_for_it_is_refused(make_saved: MakeSaved, tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", make_saved("encoder"), "int8")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    changed = json.dumps(sealed({**config, "numbers": "float32"}))
    (folder / "config.json").write_text(changed, "utf-8")
    with pytest.raises(FileFormatError, match=r"weight_ih_l0\.scales is not known"):
        load_model(folder)
