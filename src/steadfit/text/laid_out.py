"""Folders of data sets that say themselves what they should hold."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steadfit.core.atomic import atomic_folder, disk_error, write_json
from steadfit.core.errors import DataError, DiskError

_MANIFEST = "manifest.json"
_LAYOUT = 1
Contents = Sequence[str]
Origin = Mapping[str, Any]


def lay_out(folder: Path, contents: Contents, write: Callable[[Path], Origin]) -> None:
    """Let `write` fill an empty folder and put what it wrote where it belongs, with a manifest.

    Where `folder` is not there it appears whole, unless another process was faster. Where it is,
    the parts named in `contents` are replaced, and whatever else it holds stays.

    Args:
        folder: the data set.
        contents: the folders of .txt files and the single files that the set consists of, as
            posix paths; the manifest states the number of files and of bytes of each.
        write: fills the folder that it is given; returns what the set was made from.

    Raises:
        DiskError: when the system refuses to write.
    """
    if not folder.exists():
        try:
            with atomic_folder(folder, replace=False, many_files=True) as fresh:
                write_json(fresh / _MANIFEST, manifest(fresh, contents, write(fresh)))
        except FileExistsError:
            pass  # another process was faster, and laid out the same
        return
    kept = "what stood there before is as it was"
    try:
        with _beside(folder) as fresh:
            origin = write(fresh)
            # The manifest goes first and comes last: without it the folder does not count as whole.
            (folder / _MANIFEST).unlink(missing_ok=True)
            kept = "parts of it may be missing, and force=True lays them out again"
            for part in dict.fromkeys(name.split("/")[0] for name in contents):
                _replace(fresh / part, folder / part)
            write_json(folder / _MANIFEST, manifest(folder, contents, origin))
    except DiskError:
        raise
    except OSError as error:
        raise disk_error(folder, error, kept) from error


def check(folder: Path, contents: Contents, origins: Sequence[Origin]) -> None:
    """Raise DataError unless the folder is as it was laid out, from one of `origins`."""
    try:
        stated = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        stated = None
    if all(stated != manifest(folder, contents, origin) for origin in origins):
        parts = list(dict.fromkeys(name.split("/")[0] for name in contents))
        raise DataError(
            f"{folder} is not as it was laid out: files were added, removed or changed, or an "
            f"earlier version wrote it. untar_data(..., force=True) lays {', '.join(parts[:-1])} "
            f"and {parts[-1]} out again; move what you put there first"
        )


def manifest(folder: Path, contents: Contents, origin: Origin) -> dict[str, Any]:
    """Return what is to be found under `folder`: files and bytes of each part of the set."""
    found = {name: list(_count(folder / name)) for name in contents}
    return {"layout": _LAYOUT, **origin, "files_and_bytes": found}


def _count(path: Path) -> tuple[int, int]:
    if path.is_file():
        return 1, path.stat().st_size
    try:
        with os.scandir(path) as entries:
            sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".txt")]
    except OSError:
        return 0, 0
    return len(sizes), sum(sizes)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Yield an empty folder on the same disk, which is gone afterwards."""
    fresh = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part")
    try:
        yield Path(fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _replace(fresh: Path, path: Path) -> None:
    if fresh.is_file():
        os.replace(fresh, path)
        return
    with atomic_folder(path, many_files=True) as empty:
        empty.rmdir()  # Windows renames a folder only to a name that is free
        os.rename(fresh, empty)
