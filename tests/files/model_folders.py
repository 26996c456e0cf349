"""What the tests of model folders look at and change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadfit.core.json_files import sealed
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel

MakeSaved = Callable[..., SavedModel]
SavedFolder = Callable[[Kind], Path]
KINDS: list[Kind] = ["language-model", "classifier", "encoder"]


def answers(model: Model) -> Tensor:
    tokens = torch.arange(2, 12).view(2, 5)
    with torch.no_grad():
        if isinstance(model, TextClassifier):
            return model(tokens, torch.tensor([5, 3]))
        if isinstance(model, LanguageModel):
            return model.logits(model(tokens).dropped)
        return model(tokens).hidden


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    change(config)
    # With its checksum, as somebody would who means it.
    (folder / "config.json").write_text(json.dumps(sealed(config)), "utf-8")
