"""A classifier of the recipe on disk: a folder of its networks, linear model, rule and card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from steadfit.core.atomic import atomic_folder, write_json, write_text
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import (
    is_sealed,
    may_be_replaced,
    plain_values,
    read_format,
    sealed,
)
from steadfit.files.compact import Numbers
from steadfit.files.linear_folder import load_linear, save_linear
from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.files.pretrained import DIRECTIONS
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_card import ensemble_card
from steadfit.models.classifier import TextClassifier

FORMAT = "steadfit-classifier"
FORMAT_VERSION = 1
CONFIG, LINEAR = "classifier.json", "linear"
_KEYS = {"decision", "networks", "scale", "weight", "linear", "details"}
_ADVICE = "Take another copy of the whole folder, or train it again."


def save_ensemble(
    folder: str | Path,
    ensemble: Ensemble,
    numbers: Numbers = "float32",
    overwrite: bool = True,
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Write a classifier's folder, whole or not at all.

    Args:
        folder: the name to take.
        ensemble: what to write.
        numbers: what the networks' weights are stored in (see `save_model`).
        overwrite: replace a classifier's folder that stands there.
        beside: more files of the folder, text by name.

    Raises:
        FileFormatError: something else stands there, or a classifier that is not to be replaced;
            it is left alone.
        DataError: `details` hold what JSON does not know.
    """
    folder = Path(folder)
    if folder.exists() and not (overwrite and may_be_replaced(folder, CONFIG, FORMAT)):
        what = "already" if overwrite is False else "and is not a classifier's folder"
        raise FileFormatError(
            f"{folder} exists {what}, so it is not replaced. Choose another name."
        )
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "decision": ensemble.decision.to_json(),
        "networks": [DIRECTIONS[one.backwards] for one in ensemble.networks],
        "scale": ensemble.scale,
        "weight": ensemble.weight,
        "linear": None if ensemble.linear is None else ensemble.linear.name,
        "details": plain_values("details", ensemble.details),
    }
    with atomic_folder(folder) as fresh:
        for one in ensemble.networks:
            save_model(fresh / DIRECTIONS[one.backwards], one, numbers)
        if ensemble.linear is not None:
            save_linear(fresh / LINEAR, ensemble.linear)
        write_json(fresh / CONFIG, sealed(config))
        write_text(fresh / "README.md", ensemble_card(config))
        for name, text in (beside or {}).items():
            write_text(fresh / name, text)
    return folder


def load_ensemble(folder: str | Path, engine: str = "auto") -> Ensemble:
    """Read a classifier's folder, or the model folder of a single network.

    Raises:
        FileFormatError: the folder is missing, incomplete, damaged or of a newer format, or holds
            a pickle (which is never opened).
        DataError: that engine cannot run here.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        return _alone(load_model(folder, kind="classifier"), engine)
    config = _read_config(folder / CONFIG)
    networks = tuple(load_model(folder / name, kind="classifier") for name in config["networks"])
    linear = None if config["linear"] is None else load_linear(folder / LINEAR)
    decision = Decision.from_json(config["decision"])
    try:
        mixed = (config["scale"], linear, config["weight"], config["details"])
        found = Ensemble(networks, decision, *mixed, engine="float32")  # which always can be
    except DataError as error:
        raise FileFormatError(f"{folder}: {error} {_ADVICE}") from error
    # By itself: an engine that cannot run is no fault of the folder.
    return replace(found, engine=engine)


def read_ensemble_config(folder: str | Path) -> dict[str, Any]:
    """Return what a classifier's folder says of itself, without its networks.

    Raises:
        FileFormatError: it is missing, damaged, of something else or of a newer format.
    """
    return _read_config(Path(folder) / CONFIG)


def is_ensemble(folder: str | Path) -> bool:
    """Tell whether a folder is a classifier's."""
    return (Path(folder) / CONFIG).is_file()


def _alone(saved: SavedModel, engine: str) -> Ensemble:
    assert isinstance(saved.model, TextClassifier)
    decision = Decision(saved.classes, multi_label=saved.model.multi_label)
    return Ensemble((saved,), decision, details=saved.details, engine=engine)


def _read_config(file: Path) -> dict[str, Any]:
    config = read_format(file, FORMAT, FORMAT_VERSION, "a classifier", _ADVICE)
    names, ways = config.get("networks"), list(DIRECTIONS.values())
    known = isinstance(names, list) and all(name in ways for name in names)
    whole = known and isinstance(config.get("details"), dict) and config.keys() >= _KEYS
    if not (whole and is_sealed(config)):
        raise FileFormatError(f"{file} was altered or is damaged. {_ADVICE}")
    return config
