"""Checkpoints: tensors and plain values in a folder that proves itself whole."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from steadfit.core.atomic import atomic_folder, write_json
from steadfit.core.errors import FileFormatError
from steadfit.files.tensors import load_tensors, save_tensors

FORMAT = "steadfit-checkpoint"
FORMAT_VERSION = 1
_TENSORS, _VALUES, _MANIFEST = "tensors.safetensors", "values.json", "manifest.json"
_NAME = re.compile(r"checkpoint-\d{8}")


class Checkpoint(NamedTuple):
    """What a run needs to go on as if it had never stopped."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def write_checkpoint(
    folder: Path, ordinal: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any], keep: int
) -> Path:
    """Write `folder/checkpoint-N`, whole or not at all, then remove all but the newest `keep`."""
    path = folder / f"checkpoint-{ordinal:08}"
    with atomic_folder(path) as fresh:
        save_tensors(fresh / _TENSORS, tensors)
        write_json(fresh / _VALUES, dict(values))
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "checksums": {name: _checksum(fresh / name) for name in (_TENSORS, _VALUES)},
        }
        write_json(fresh / _MANIFEST, manifest)
    for old in _newest_first(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        FileFormatError: a file is missing, cut short, altered or of a newer format.
    """
    try:
        manifest = json.loads((path / _MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT or manifest["format_version"] > FORMAT_VERSION:
            raise FileFormatError(
                f"{path} is of the format {manifest['format']} {manifest['format_version']}; this "
                f"version reads {FORMAT} up to {FORMAT_VERSION}. Install a newer Steadfit."
            )
        for name in (_TENSORS, _VALUES):
            if _checksum(path / name) != manifest["checksums"][name]:
                raise FileFormatError(f"{path / name} was altered or cut short.")
        values = json.loads((path / _VALUES).read_text("utf-8"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path} is not a whole checkpoint ({error}).") from error
    return Checkpoint(load_tensors(path / _TENSORS), values)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest whole checkpoint of a folder; a damaged one is passed over with a warning."""
    for path in _newest_first(folder):
        try:
            return read_checkpoint(path)
        except FileFormatError as error:
            warnings.warn(
                f"The checkpoint {path.name} is damaged, so the one before is used: {error}",
                stacklevel=2,
            )
    return None


def _newest_first(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), reverse=True)


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
