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
from steadfit.core.json_files import MOST_BYTES
from steadfit.files.tensors import load_tensors, save_tensors

FORMAT = "steadfit-checkpoint"
FORMAT_VERSION = 3
_READABLE = (2, 3)  # what each holds is told by steadfit.training.snapshot
_TENSORS, _VALUES, _CHECKSUMS = "tensors.safetensors", "values.json", "checksums.json"
_NAME = re.compile(r"checkpoint-\d{8}")


class Checkpoint(NamedTuple):
    """What a run needs to go on as if it had never stopped."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class DamagedCheckpoint(FileFormatError):
    """A checkpoint that is not as it was written; the one before may be."""


def write_checkpoint(
    folder: Path, ordinal: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any], keep: int
) -> Path:
    """Write `folder/checkpoint-N`, whole or not at all, then tidy up (see `keep_newest`)."""
    path = folder / f"checkpoint-{ordinal:08}"
    with atomic_folder(path) as fresh:
        save_tensors(fresh / _TENSORS, tensors)
        head = {"format": FORMAT, "format_version": FORMAT_VERSION}
        write_json(fresh / _VALUES, {**head, "values": dict(values)})
        checksums = {name: _checksum(fresh / name) for name in (_TENSORS, _VALUES)}
        write_json(fresh / _CHECKSUMS, checksums)
    keep_newest(folder, ordinal, keep)
    return path


def keep_newest(folder: Path, ordinal: int, keep: int) -> None:
    """Remove all but `checkpoint-N` and those before it, `keep` together.

    Those of a higher number go, too: they are what `newest_checkpoint` passed over as damaged.
    """
    name = f"checkpoint-{ordinal:08}"
    newer = [path for path in _newest_first(folder) if path.name > name]
    older = [path for path in _newest_first(folder) if path.name < name]
    # What a writer left half done that was killed lies beside, under a name with a dot.
    for useless in [*newer, *older[keep - 1 :], *folder.glob(".checkpoint-*")]:
        shutil.rmtree(useless, ignore_errors=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        DamagedCheckpoint: a file is missing, cut short or altered.
        FileFormatError: it may not be read, or is of a newer format.
    """
    if strange := [p.name for p in _files(path) if p.exists() and not p.is_file()]:
        # A pipe would be waited for.
        raise DamagedCheckpoint(f"{path} holds {', '.join(strange)}, which are no files.")
    try:
        for name in (_VALUES, _CHECKSUMS):
            if (path / name).stat().st_size > MOST_BYTES:
                raise DamagedCheckpoint(f"{path / name} is larger than it can be.")
        checksums = json.loads((path / _CHECKSUMS).read_text("utf-8"))
        for name in (_TENSORS, _VALUES):
            if _checksum(path / name) != checksums[name]:
                raise DamagedCheckpoint(f"{path / name} was altered or cut short.")
        head = json.loads((path / _VALUES).read_text("utf-8"))
        kind, version, values = head["format"], head["format_version"], dict(head["values"])
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise DamagedCheckpoint(f"{path} is not a whole checkpoint ({error}).") from error
    except OSError as error:
        raise FileFormatError(f"The checkpoint {path} cannot be read ({error}).") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise DamagedCheckpoint(f"{path} is not a whole checkpoint ({error!r}).") from error
    if kind != FORMAT or version not in _READABLE:
        raise FileFormatError(
            f"{path} is of the format {kind} {version}; this version reads {FORMAT} "
            f"{' and '.join(map(str, _READABLE))}. Take the version of Steadfit that wrote it, or "
            "give another checkpoint_dir."
        )
    return Checkpoint(load_tensors(path / _TENSORS), values)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the newest whole checkpoint of a folder; a damaged one is passed over with a warning.

    Raises:
        FileFormatError: the newest undamaged one may not be read, or is of a newer format.
    """
    paths = _newest_first(folder)
    for number, path in enumerate(paths, start=1):
        try:
            return read_checkpoint(path)
        except DamagedCheckpoint as error:
            instead = (
                "the one before is used"
                if number < len(paths)
                else "there is none before it, the fit starts from its beginning"
            )
            warnings.warn(
                f"The checkpoint {path.name} is damaged: {error} So {instead}.", stacklevel=2
            )
    return None


def _files(path: Path) -> list[Path]:
    return [path / name for name in (_TENSORS, _VALUES, _CHECKSUMS)]


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
