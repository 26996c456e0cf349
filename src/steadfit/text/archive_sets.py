"""Data sets that come as an archive: found, or fetched, then unpacked and checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from steadfit.core.errors import DataError
from steadfit.core.home import home
from steadfit.core.lock import process_lock
from steadfit.text.download import FetchError, Patience, Source, fetch
from steadfit.text.laid_out import Contents, Origin, check, lay_out


@dataclass(frozen=True)
class ArchiveSet:
    """A data set, the archives that hold it, and how one becomes its folder."""

    name: str
    sources: tuple[Source, ...]
    contents: Contents
    write: Callable[[Path, Path, Mapping[str, int]], None]
    """Writes an archive's content into an empty folder; raises DataError if it is not the set."""
    counts: Mapping[str, int]
    """How many documents each part has."""
    otherwise: str
    """What to do without it, for the message when it cannot be had."""


def get(data: ArchiveSet, force: bool = False, patience: Patience | None = None) -> Path:
    """Return the folder of the set; where it is not there yet, or by force, it is laid out.

    An archive under `home()/archives` is used where there is one, otherwise it is fetched there;
    it is kept. Of two processes that ask at once, one works and the other waits.

    Raises:
        DataError: when the folder or an archive that was found is not as it should be, no
            address gives the archive, or the disk takes no more.
    """
    folder, archives = home() / "data" / data.name, home() / "archives"
    origins = [_origin(source) for source in data.sources]
    try:
        if force or not folder.exists():
            with process_lock(archives / f"{data.name}.lock"):
                if force or not folder.exists():
                    _lay_out(data, folder, archives, patience)
    except OSError as error:
        raise DataError(
            f"{data.name} cannot be written under {home()}: {error.strerror or error}; what was "
            "fetched is kept and not fetched again. Make room, or set STEADFIT_HOME to another "
            "folder"
        ) from error
    check(folder, data.contents, origins)
    return folder


def _lay_out(data: ArchiveSet, folder: Path, archives: Path, patience: Patience | None) -> None:
    # Under the lock nobody else unpacks: these are of processes that were killed.
    for half in folder.parent.glob(f".{data.name}.*.part"):
        shutil.rmtree(half, ignore_errors=True)
    for source in data.sources:
        path = archives / source.name
        if path.exists():
            _use(data, source, path, folder)
            return
    failures = []
    for source in data.sources:
        try:
            path = fetch(source, archives, patience)
        except FetchError as error:
            failures += error.failures
            continue
        try:
            _unpack(data, source, path, folder)
            return
        except DataError as error:
            path.unlink()
            failures.append((source.urls[0], str(error)))
    raise DataError(_no_archive(data, failures, archives))


def _use(data: ArchiveSet, source: Source, path: Path, folder: Path) -> None:
    """Lay the set out from an archive that was found, perhaps put there by hand."""
    try:
        if (fault := source.fault(path)) is not None:
            raise DataError(f"{path}: {fault}")
        _unpack(data, source, path, folder)
    except DataError as error:
        raise DataError(f"{error}; delete it, or put the right archive there") from error


def _unpack(data: ArchiveSet, source: Source, path: Path, folder: Path) -> None:
    def write(fresh: Path) -> Origin:
        data.write(path, fresh, data.counts)
        return _origin(source)

    lay_out(folder, data.contents, write)


def _origin(source: Source) -> Origin:
    return {"archive": source.name, "bytes": source.size, "md5": source.md5}


def _no_archive(data: ArchiveSet, failures: list[tuple[str, str]], archives: Path) -> str:
    happened = "".join(f"\n  {url}: {reason}" for url, reason in failures)
    known = " or\n".join(f"  {archives / one.name} ({one.describe()})" for one in data.sources)
    return (
        f"the archive of {data.name} could not be fetched:{happened}\n"
        f"Call again to go on where it broke off. Or fetch it by other means and put it at\n{known}"
        f"\n: an archive there is verified and used without a network. Or {data.otherwise}."
    )
