"""An estimator on disk, and as bytes that one process may hand to another."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from steadfit.core.errors import FileFormatError
from steadfit.estimator.classes import Classes
from steadfit.estimator.places import at_home
from steadfit.files.pretrained import pretrained_folder
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import is_ensemble, load_ensemble, save_ensemble

ESTIMATOR = "estimator"  # the key of our details
_NOT_KEPT = {"checkpoint_dir", "verbose"}  # they are of one machine and one day


def with_parameters(
    ensemble: Ensemble, parameters: Mapping[str, Any], classes: Classes
) -> Ensemble:
    """Return the ensemble with an estimator's parameters among its details."""
    kept = {
        "parameters": {
            name: plain
            for name, value in parameters.items()
            if name not in _NOT_KEPT and _is_json(plain := _plain(value))
        },
        "classes": classes.to_json(),
    }
    return replace(ensemble, details={**ensemble.details, ESTIMATOR: kept})


def kept_parameters(ensemble: Ensemble, known: set[str]) -> dict[str, Any]:
    """Return the parameters that an ensemble was made with, as far as they are `known`.

    A folder that somebody else made does not choose where a later fit writes: what is not kept is
    not read either.

    Raises:
        FileFormatError: they are not what `with_parameters` keeps.
    """
    content = _content(ensemble, "parameters") or {}
    found = {name: value for name, value in content.items() if name in known - _NOT_KEPT}
    if isinstance(weights := found.get("class_weight"), list):
        try:
            found["class_weight"] = dict(map(tuple, weights))
        except (TypeError, ValueError) as error:
            raise _damaged("class_weight", weights) from error
    return found


def kept_classes(ensemble: Ensemble) -> Classes:
    """Return the classes as the estimator had them; of other models their names.

    Raises:
        FileFormatError: they are not those of the ensemble, or not what `with_parameters` keeps.
    """
    content = _content(ensemble, "classes")
    if content is None:
        many = "sets" if ensemble.many else None
        return Classes("str", np.array(sorted(ensemble.classes)), many)
    classes = Classes.from_json(content)
    if sorted(classes.learned) != sorted(ensemble.classes):
        raise FileFormatError("The classes of the estimator are not those of its networks.")
    return classes


def _content(ensemble: Ensemble, name: str) -> dict[str, Any] | None:
    kept = ensemble.details.get(ESTIMATOR, {})
    content = kept.get(name) if isinstance(kept, dict) else kept
    if content is not None and not isinstance(content, dict):
        raise _damaged(name, content)
    return content


def _damaged(name: str, value: Any) -> FileFormatError:
    return FileFormatError(
        f"What a classifier keeps of its estimator is damaged: {name} is {value!r:.100}. Take "
        "another copy of the whole folder, or train it again."
    )


def found_folder(source: str | Path) -> Path:
    """Return the folder of a path or of an installed model's name."""
    source = at_home("source", source)
    folder = pretrained_folder(source)
    # Of an installed classifier the name stands for one of its networks.
    named = folder != Path(source)
    return folder.parent if named and is_ensemble(folder.parent) else folder


def as_bytes(ensemble: Ensemble) -> dict[str, bytes]:
    """Return the files of an ensemble's folder; nothing in them is code."""
    with tempfile.TemporaryDirectory() as place:
        folder = save_ensemble(Path(place) / "model", ensemble)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def from_bytes(files: Mapping[str, bytes], engine: str = "auto") -> Ensemble:
    """Return the ensemble that `as_bytes` gave, which is to read by an engine."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        for name, content in files.items():
            file = Path(place, "model", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return load_ensemble(Path(place, "model"), engine)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = [[_plain(key), _plain(one)] for key, one in value.items()]
        # JSON has no other keys than strings.
        return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else pairs
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value
