"""A model on disk: weights, configuration, tokenizer, metrics and a card, in one folder."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from steadfit.core.atomic import atomic_folder, write_json, write_text
from steadfit.core.errors import FileFormatError
from steadfit.files.model_card import model_card
from steadfit.files.tensors import load_weights, refuse_pickles, save_tensors
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer

Kind = Literal["language-model", "classifier", "encoder"]
Model = LanguageModel | TextClassifier | AWDLSTM
FORMAT = "steadfit-model"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class SavedModel:
    """A model with all that is needed to use it or to train it on."""

    model: Model
    tokenizer: Tokenizer
    classes: tuple[str, ...] = ()
    backwards: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)  # seed, penalties, data, …
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """What the model does."""
        if isinstance(self.model, LanguageModel):
            return "language-model"
        return "classifier" if isinstance(self.model, TextClassifier) else "encoder"


def save_model(folder: str | Path, saved: SavedModel) -> Path:
    """Write a model folder, whole or not at all; a folder that stands there is replaced."""
    folder = Path(folder)
    if folder.exists() and not _replaceable(folder):
        raise FileFormatError(
            f"{folder} exists and is not a Steadfit model folder, so it is not replaced. "
            "Choose another name."
        )
    config: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": saved.kind,
        "architecture": "AWD-LSTM",
        "model": saved.model.config.to_dict(),
        "backwards": saved.backwards,
        "tokenizer_fingerprint": saved.tokenizer.fingerprint,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        **dict(saved.details),
    }
    if isinstance(saved.model, TextClassifier):
        config["classes"] = list(saved.classes)
        config["reading"] = {"bptt": saved.model.bptt, "grad_tokens": saved.model.grad_tokens}
    with atomic_folder(folder) as fresh:
        save_tensors(fresh / "model.safetensors", saved.model.state_dict())
        write_json(fresh / "config.json", config)
        saved.tokenizer.save(fresh / "tokenizer.json")
        write_json(fresh / "metrics.json", dict(saved.metrics))
        write_text(fresh / "README.md", model_card(config, saved.metrics))
    return folder


def load_model(folder: str | Path, kind: Kind | None = None) -> SavedModel:
    """Read a model folder; the model is in evaluation mode, on the CPU.

    Raises:
        FileFormatError: the folder is missing or incomplete, of a newer format, of another kind
            than asked for, damaged, or holds a pickle (which is never opened).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileFormatError(
            f"There is no model folder {folder}. A model folder is what export, save_encoder or "
            "save wrote; give its path."
        )
    refuse_pickles(folder)
    config = _read_config(folder, kind)
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    if tokenizer.fingerprint != config["tokenizer_fingerprint"]:
        raise FileFormatError(
            f"{folder / 'tokenizer.json'} is not the tokenizer this model was trained with: the "
            "numbers of the words would be others. Take both files from the same folder."
        )
    model = _build(config)
    load_weights(model, folder / "model.safetensors")
    metrics_file = folder / "metrics.json"
    metrics = json.loads(metrics_file.read_text("utf-8")) if metrics_file.is_file() else {}
    return SavedModel(
        model.eval(),
        tokenizer,
        tuple(config.get("classes", ())),
        bool(config.get("backwards", False)),
        {name: config[name] for name in ("seed", "penalties", "data") if name in config},
        metrics,
    )


def _build(config: Mapping[str, Any]) -> Model:
    sizes = AWDLSTMConfig.from_dict(config["model"])
    with torch.random.fork_rng():  # initial weights are drawn and thrown away
        if config["kind"] == "language-model":
            return LanguageModel(sizes)
        if config["kind"] == "classifier":
            return TextClassifier(sizes, len(config["classes"]), **config["reading"])
        return AWDLSTM(sizes)


def _read_config(folder: Path, kind: Kind | None) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(
            f"{folder} is not a Steadfit model folder: {file.name} cannot be read ({error})."
        ) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise FileFormatError(f"{file} is not the configuration of a Steadfit model.")
    if config.get("format_version", 0) > FORMAT_VERSION:
        raise FileFormatError(
            f"{folder} was written in format {config['format_version']}, newer than this "
            f"version reads ({FORMAT_VERSION}). Install a newer Steadfit."
        )
    if kind is not None and config.get("kind") != kind:
        raise FileFormatError(
            f"{folder} holds a {config.get('kind')}, but a {kind} is needed here. "
            f"Give the folder of a {kind}."
        )
    return config


def _replaceable(folder: Path) -> bool:
    return folder.is_dir() and (not any(folder.iterdir()) or (folder / "config.json").is_file())
