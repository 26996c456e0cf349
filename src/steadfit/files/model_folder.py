"""A model on disk: weights, configuration, tokenizer, metrics and a card, in one folder."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from steadfit.core.atomic import atomic_folder, write_json, write_text
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import (
    CHECKSUM,
    checksum,
    may_be_replaced,
    plain_values,
    read_json,
    sealed,
)
from steadfit.files.compact import Numbers, packed, unpacked
from steadfit.files.model_card import model_card
from steadfit.files.model_config import (
    ADVICE,
    ARCHITECTURE,
    FORMAT,
    Kind,
    are_classes,
    checked_sizes,
    is_multi_label,
    read_config,
    version_for,
)
from steadfit.files.tensors import (
    check_weights,
    file_digest,
    fill,
    load_tensors,
    refuse_pickles,
    save_tensors,
)
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer

Model = LanguageModel | TextClassifier | AWDLSTM
WEIGHTS = "model.safetensors"
_OURS = {
    "format",
    "format_version",
    "kind",
    "architecture",
    "model",
    "backwards",
    "classes",
    "reading",
    "head_bias",
    "multi_label",
    "numbers",
    "tokenizer_fingerprint",
    "weights_sha256",
    "metrics_checksum",
    CHECKSUM,
    "versions",
}


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


def save_model(folder: str | Path, saved: SavedModel, numbers: Numbers = "float32") -> Path:
    """Write a model folder, whole or not at all; a model folder that stands there is replaced.

    Args:
        folder: the name to take.
        saved: the model, with what belongs to it.
        numbers: what weights are stored in: "float32", "float16" (half the size) or "int8" (of an
            LSTM's matrices; see `packed`). They are read back as float32; what was rounded off is
            gone, and `saved.metrics` are taken for figures of the model as it is read.

    Raises:
        FileFormatError: something else than a model folder stands there; it is left alone.
        DataError: the model does not fit its tokenizer or classes, details use a name of ours or
            hold, as metrics may, what JSON does not know, or a weight is beyond the range of
            float16.
    """
    folder = Path(folder)
    if folder.exists() and not may_be_replaced(folder, "config.json", FORMAT):
        raise FileFormatError(
            f"{folder} exists and is not a Steadfit model folder, so it is not replaced. "
            "Choose another name."
        )
    details = plain_values("details", saved.details)
    metrics = plain_values("metrics", saved.metrics)
    _check_saved(saved)
    weights = packed(saved.model.state_dict(), numbers)
    config: dict[str, Any] = {
        "format": FORMAT,
        "format_version": version_for(_is_multi_label(saved.model)),
        "kind": saved.kind,
        "architecture": ARCHITECTURE,
        "model": saved.model.config.to_dict(),
        "backwards": saved.backwards,
        "numbers": numbers,
        "tokenizer_fingerprint": saved.tokenizer.fingerprint,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        **details,
    }
    if isinstance(saved.model, TextClassifier):
        config["classes"] = list(saved.classes)
        config["reading"] = {"bptt": saved.model.bptt, "grad_tokens": saved.model.grad_tokens}
        config["head_bias"] = saved.model.head_bias
        if saved.model.multi_label:
            config["multi_label"] = True
    with atomic_folder(folder) as fresh:
        save_tensors(fresh / WEIGHTS, weights)
        config["weights_sha256"] = file_digest(fresh / WEIGHTS)
        config["metrics_checksum"] = checksum(metrics)
        write_json(fresh / "config.json", sealed(config))
        saved.tokenizer.save(fresh / "tokenizer.json")
        write_json(fresh / "metrics.json", metrics)
        write_text(fresh / "README.md", model_card(config, metrics))
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
    if not (folder / "config.json").is_file():
        raise FileFormatError(
            f"{folder} is not a Steadfit model folder: it has no config.json. {_instead(folder)}"
        )
    refuse_pickles(folder)
    config = read_config(folder / "config.json", kind)
    sizes = checked_sizes(config, folder / "config.json")
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    if tokenizer.fingerprint != config["tokenizer_fingerprint"]:
        raise FileFormatError(
            f"{folder / 'tokenizer.json'} is not the tokenizer this model was trained with: the "
            "numbers of the words would be others. Take both files from the same folder."
        )
    if sizes.vocab_size != len(tokenizer.vocab):
        raise FileFormatError(
            f"{folder / 'config.json'} names {sizes.vocab_size} words, the tokenizer has "
            f"{len(tokenizer.vocab)}. It was altered; take another copy."
        )
    return SavedModel(
        _read_model(config, sizes, folder / WEIGHTS).eval(),
        tokenizer,
        tuple(config.get("classes", ())),
        config.get("backwards", False),
        {name: value for name, value in config.items() if name not in _OURS},
        read_metrics(folder, config),
    )


def read_metrics(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a model folder of this configuration; none if there is no file of them.

    Raises:
        FileFormatError: the file is none of JSON, or was altered.
    """
    file = folder / "metrics.json"
    if not file.exists():
        return {}
    metrics = read_json(file, ADVICE)
    if config["format_version"] > 1 and checksum(metrics) != config.get("metrics_checksum"):
        raise FileFormatError(f"{file} was altered: its checksum is another. {ADVICE}")
    return metrics


def _instead(folder: Path) -> str:
    """Return what to do with a folder that is no model's."""
    inside = sorted(file.parent.name for file in folder.glob("*/config.json"))
    if not inside:
        return "Give the path of a folder that train, lm, export, save_encoder or save wrote."
    return (
        f"Such folders are inside it: {', '.join(inside)}. Give the path of one of them; or, if "
        "they make up a classifier of the recipe, read that as a whole with "
        "TextClassifier.from_pretrained or load_ensemble."
    )


def _read_model(config: Mapping[str, Any], sizes: AWDLSTMConfig, weights: Path) -> Model:
    tensors = load_tensors(weights)
    if config.get("weights_sha256", file_digest(weights)) != file_digest(weights):
        raise FileFormatError(
            f"{weights} was altered after it was saved, or is from another folder. Take another "
            "copy of the whole folder."
        )
    tensors = unpacked(tensors, config.get("numbers", "float32"), weights)
    # What a configuration asks for is compared with the file before memory is taken for it.
    if sizes.n_layers != (layers := sum(name.endswith("weight_hh_l0") for name in tensors)):
        raise FileFormatError(
            f"{weights} holds {layers} recurrent layers, the configuration names {sizes.n_layers}."
        )
    with torch.device("meta"):
        check_weights(_build(config, sizes), tensors, weights)
    # Initial weights are drawn and thrown away, so not from the generator that all threads share.
    model = _build(config, sizes, torch.Generator())
    fill(model, tensors)
    return model


def _build(
    config: Mapping[str, Any], sizes: AWDLSTMConfig, generator: torch.Generator | None = None
) -> Model:
    if config["kind"] == "language-model":
        return LanguageModel(sizes, generator)
    if config["kind"] == "classifier":
        bias = config.get("head_bias", True)  # folders from before it could be left out lack it
        reading = {**config["reading"], "head_bias": bias, "generator": generator}
        several = is_multi_label(config)
        return TextClassifier(sizes, len(config["classes"]), multi_label=several, **reading)
    return AWDLSTM(sizes, generator)


def _is_multi_label(model: Model) -> bool:
    return isinstance(model, TextClassifier) and model.multi_label


def _check_saved(saved: SavedModel) -> None:
    words = saved.model.config.vocab_size
    if words != len(saved.tokenizer.vocab):
        raise DataError(
            f"The model knows {words} words, the tokenizer {len(saved.tokenizer.vocab)}; save a "
            "model with the tokenizer it was trained with."
        )
    if isinstance(saved.model, TextClassifier):
        outputs = saved.model.n_classes
        if len(saved.classes) != outputs or not are_classes(list(saved.classes)):
            raise DataError(
                f"The model scores {outputs} classes, their names are {list(saved.classes)}; give "
                "as many different names."
            )
    if taken := sorted(_OURS & set(saved.details)):
        raise DataError(f"details use {', '.join(taken)}, which the model folder writes itself.")
    broken = [
        name
        for name, tensor in saved.model.state_dict().items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if broken:
        raise DataError(
            f"The model holds numbers that are not finite (in {', '.join(broken[:3])}), so it is "
            "of no use and is not saved. Train again at a lower rate, or load earlier weights."
        )
