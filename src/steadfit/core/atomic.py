"""Files and folders that appear whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from steadfit.core.errors import DataError, DiskError

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)  # a folder with something in it has the name already


@contextmanager
def atomic_file(
    path: str | Path, mode: str = "wb", encoding: str | None = None
) -> Iterator[IO[Any]]:
    """Yield a file open for writing that takes the name `path` only when the block succeeds.

    `mode` is "wb" or "w"; text is UTF-8 with Unix line ends unless `encoding` says otherwise.

    Raises:
        DiskError: when the system refuses to write (a full disk, no rights); what stood there
            before is as it was.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode={mode!r}: accepted are 'w' and 'wb'")
    path = Path(path)
    fresh = _beside(path, "part")
    text = {} if mode == "wb" else {"encoding": encoding or "utf-8", "newline": "\n"}
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # "x" instead of a temporary file with rights of its own: the system applies the umask,
            # which cannot be asked for without changing it under other threads.
            with open(fresh, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    _sync_name(path)


@contextmanager
def atomic_folder(
    path: str | Path, replace: bool = True, many_files: bool = False
) -> Iterator[Path]:
    """Yield an empty folder that takes the name `path` only when the block succeeds.

    A folder that stands there already is replaced with all it holds: moved aside first, deleted
    last, so that at every moment either the old or the new one is whole on disk (a machine that
    stops between the two renames leaves the old one beside, in `.NAME.*.old`).

    Args:
        path: the name to take.
        replace: if False, a folder that holds something is left as it is.
        many_files: sync the disk once instead of each file, where the system waits for that
            (Linux); 25,000 small files take 0.2 s so, and 5 s or more one by one.

    Raises:
        DataError: when `path` is a file.
        DiskError: when the system refuses to write (a full disk, no rights); what stood there
            before is as it was.
        FileExistsError: when `path` is a folder with content and `replace` is False.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file, and a folder is to be written there; name another")
    fresh = _beside(path, "part")
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.mkdir()
            yield fresh
            if many_files and sys.platform == "linux":
                os.sync()
            else:
                _sync_tree(fresh)
            _put_in_place(fresh, path, replace)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    _sync_name(path)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, whole or not at all.

    Half of a surrogate pair, as Python has in the name of a file that is not UTF-8, is written in
    JSON's escape, so that JSON comes back as it was.
    """
    with atomic_file(path, "w", encoding="utf-8") as file:
        file.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _put_in_place(fresh: Path, path: Path, replace: bool) -> None:
    while True:
        # Not asked beforehand: another process may put its folder there at any moment.
        try:
            os.rename(fresh, path)
            return
        except OSError as error:
            if not path.is_dir():
                if error.errno in _TAKEN and not path.is_file():
                    continue  # another process has moved away what stood there a moment ago
                raise
            if not replace:
                raise _NotReplaced from error
        aside = _beside(path, "old")
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            continue
        try:
            os.rename(fresh, path)
        except BaseException as error:
            if getattr(error, "errno", None) in _TAKEN or path.exists():
                _remove(aside)  # another process was faster; its folder is whole as well
                if isinstance(error, OSError):
                    continue
            else:
                _put_back(aside, path, error)
            raise
        _remove(aside)
        return


def _put_back(aside: Path, path: Path, why: BaseException) -> None:
    try:
        os.rename(aside, path)
    except OSError:
        raise _Elsewhere(f"what stood there before lies whole in {aside}") from why


class _NotReplaced(Exception):
    """A folder with something in it that is not to be replaced."""


class _Elsewhere(Exception):
    """A folder that was moved aside and cannot be moved back."""


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an error of the system into one that says what could not be written."""
    kept = "what stood there before is as it was" if path.exists() else "nothing of it is left"
    try:
        yield
    except _Elsewhere as error:
        raise disk_error(path, error.__cause__, str(error)) from error.__cause__
    except _NotReplaced as error:
        raise FileExistsError(errno.EEXIST, "folder exists", str(path)) from error.__cause__
    except OSError as error:
        # The error of an unfinished file in a folder is told again, with the folder's name.
        raise disk_error(path, error, kept) from error


def disk_error(path: Path, error: BaseException | None, kept: str) -> DiskError:
    """Return the error that tells a user that `path` could not be written, and what to do."""
    number = getattr(error, "errno", None)
    reason = _reason(error)
    if number in (errno.ENOSPC, errno.EDQUOT):
        advice = "; free some space, or write to another disk"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "; give a folder that you may write to"
    elif number in (errno.EEXIST, errno.ENOTDIR):
        advice = "; a file stands where a folder is needed, so name another place"
    else:
        advice = ""
    return DiskError(f"{path} could not be written: {reason}; {kept}{advice}", number, reason)


def _reason(error: BaseException | None) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _beside(path: Path, ending: str) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(6)}.{ending}"


def _remove(path: Path) -> None:
    if path.is_symlink():  # what stood there was a link to a folder elsewhere: leave that alone
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            _sync(Path(parent, name))
        _sync_folder(Path(parent))


def _sync(path: Path) -> None:
    # Windows refuses to sync a file that is open for reading only.
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_name(path: Path) -> None:
    try:
        _sync_folder(path.parent)
    except OSError as error:
        reason = _reason(error)
        raise DiskError(
            f"{path} is written, but the disk did not confirm its name ({reason}): after a loss of "
            "power the one before may stand there",
            error.errno,
            reason,
        ) from error


def _sync_folder(path: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot
            raise
    finally:
        os.close(handle)
