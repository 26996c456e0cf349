"""Metrics and details of a model folder are plain values, whatever numbers they came as."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.files import model_folder
from steadfit.files.model_folder import load_model, save_model
from tests.files.model_folders import MakeSaved, contents

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize("part", ["metrics", "details"])
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.8125), 0.8125),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array(2.5), 2.5),
        (torch.tensor(0.8125), 0.8125),
        (torch.tensor(3), 3),
        ([float("nan"), np.float32("-inf"), torch.tensor(torch.inf)], [None] * 3),
        (
            {"deep": [np.float32(0.5), (torch.tensor(2), "x", None)]},
            {"deep": [0.5, [2, "x", None]]},
        ),
    ],
)
def test_numbers_of_numpy_and_torch_are_written_as_numbers(
    value: Any, plain: Any, part: str, make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", replace(make_saved("encoder"), **{part: {"f1": value}}))
    file = folder / ("metrics.json" if part == "metrics" else "config.json")
    written = json.loads(file.read_text("utf-8"))["f1"]
    assert (written, type(written)) == (plain, type(plain))
    assert getattr(load_model(folder), part) == {"f1": plain}


def test_the_card_shows_numbers_of_torch_as_those_of_python(
    make_saved: MakeSaved, tmp_path: Path
) -> None:
    saved = replace(make_saved("encoder"), metrics={"f1": torch.tensor(0.8125)})
    assert "| f1 | 0.8125 |" in (save_model(tmp_path / "m", saved) / "README.md").read_text("utf-8")


@pytest.mark.parametrize("part", ["metrics", "details"])
@pytest.mark.parametrize(
    "value",
    [
        Path("corpus"), b"x", {1, 2}, 1j, torch.zeros(2), torch.tensor(1.0, device="meta"),
        np.zeros(3), np.datetime64("2020-01-01"), {"file": Path("corpus")}, {("a", "b"): 1}, CIRCLE,
    ],
)  # fmt: skip
def test_what_is_no_plain_value_is_named_before_anything_is_written(
    value: Any, part: str, make_saved: MakeSaved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_model(tmp_path / "m", make_saved("encoder"))
    before = contents(folder)
    monkeypatch.setattr(model_folder, "packed", None)  # no weight is looked at
    saved = replace(make_saved("encoder"), **{part: {"seed": 7, "source": value}})
    with pytest.raises(DataError, match=rf"{part}: source .* numbers, texts, lists and dicts"):
        save_model(folder, saved)
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]
