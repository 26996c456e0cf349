"""A linear model on disk: its n-grams and weights, and what they mean, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from steadfit.core.atomic import atomic_folder, write_json
from steadfit.core.checks import is_number
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import is_sealed, may_be_replaced, read_format, sealed
from steadfit.files.model_config import are_classes
from steadfit.files.tensors import file_digest, load_tensors, save_tensors
from steadfit.linear.model import LinearModel

FORMAT = "steadfit-linear"
FORMAT_VERSION = 1
CONFIG, TENSORS = "linear.json", "linear.safetensors"
_ADVICE = "Take another copy, or train it again."


def save_linear(folder: str | Path, model: LinearModel) -> Path:
    """Write a linear model's folder, whole or not at all; one that stands there is replaced.

    The n-grams are UTF-8 with a line end between two, which none of them holds.

    Raises:
        FileFormatError: something else stands there; it is left alone.
        DataError: classes that are no strings: JSON would give others back.
    """
    folder = Path(folder)
    if folder.exists() and not may_be_replaced(folder, CONFIG, FORMAT):
        raise FileFormatError(
            f"{folder} exists and is not the folder of a linear model, so it is not replaced. "
            "Choose another name."
        )
    if not are_classes(list(model.classes)):
        raise DataError(
            f"The classes are {list(model.classes)}; to be saved they are to be strings: train "
            "with labels that are."
        )
    ngrams = torch.frombuffer(bytearray("\n".join(model.ngrams).encode()), dtype=torch.uint8)
    tensors = {
        "ngrams": ngrams,
        "weights": torch.from_numpy(model.weights),
        "bias": torch.from_numpy(model.bias),
    }
    if model.idf is not None:
        tensors["idf"] = torch.from_numpy(model.idf)
    with atomic_folder(folder) as fresh:
        save_tensors(fresh / TENSORS, tensors)
        config = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": model.name,
            "classes": list(model.classes),
            "scale": model.scale,
            "tensors_sha256": file_digest(fresh / TENSORS),
        }
        write_json(fresh / CONFIG, sealed(config))
    return folder


def load_linear(folder: str | Path) -> LinearModel:
    """Read a linear model's folder; it predicts what the saved one did, to the bit.

    Raises:
        FileFormatError: the folder is missing, incomplete or damaged, of something else or of a
            newer format, or holds a pickle (which is never opened).
    """
    folder = Path(folder)
    config = _read_config(folder / CONFIG)
    tensors = load_tensors(folder / TENSORS)
    if config["tensors_sha256"] != file_digest(folder / TENSORS):
        raise FileFormatError(
            f"{folder / TENSORS} was altered after it was saved, or is from another folder. "
            f"{_ADVICE}"
        )
    try:
        return _model(config, tensors)
    except (DataError, KeyError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{folder} holds no linear model ({error}). {_ADVICE}") from error


def _model(config: dict[str, Any], tensors: dict[str, Tensor]) -> LinearModel:
    if tensors["ngrams"].dtype != torch.uint8 or tensors["ngrams"].dim() != 1:
        raise DataError("its n-grams are no text")
    return LinearModel(
        tuple(config["classes"]),
        tuple(tensors["ngrams"].numpy().tobytes().decode().split("\n")),
        tensors["idf"].numpy() if "idf" in tensors else None,
        tensors["weights"].numpy(),
        tensors["bias"].numpy(),
        config["scale"],
    )


def _read_config(file: Path) -> dict[str, Any]:
    config = read_format(file, FORMAT, FORMAT_VERSION, "a linear model", _ADVICE)
    if not (
        is_sealed(config)
        and are_classes(config.get("classes"))
        and is_number(config.get("scale"))
        and isinstance(config.get("tensors_sha256"), str)
    ):
        raise FileFormatError(f"{file} was altered: not all is there and right. {_ADVICE}")
    return config
