"""A classifier as a command is given it: a folder to read, and to tell from others."""

from __future__ import annotations

import hashlib
from pathlib import Path

from steadfit.files.pretrained import installed_models, pretrained_folder
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import load_ensemble

_SEALED = ("classifier.json", "config.json", "linear.json")  # hold checksums of all weights


def read_classifier(folder: Path, engine: str = "auto") -> Ensemble:
    """Return a classifier.

    Raises:
        FileFormatError: as `load_ensemble`.
        DataError: that engine cannot run here.
    """
    return load_ensemble(folder, engine)


def named_folder(folder: Path) -> Path:
    """Return the folder of an installed model, if it is the name of one that is given."""
    if folder.exists() or str(folder) not in installed_models():
        return folder
    return pretrained_folder(str(folder))


def fingerprint(folder: Path) -> str:
    """Return what changes with the weights of a model, or anything else it predicts by."""
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(folder.rglob("*.json")):
        if file.name in _SEALED:
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def size_on_disk(folder: Path) -> int:
    """Return the bytes of all files of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def megabytes(count: float) -> str:
    """Return bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
