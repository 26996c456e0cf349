"""A lock between processes that the system itself releases when its holder ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from steadfit.core.atomic import disk_error
from steadfit.core.errors import DataError


@contextmanager
def process_lock(path: str | Path) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; wait while another process or thread does.

    The file stays behind, empty: to delete it would let two processes lock two files of one name.
    A process that is killed holds nothing any more.

    Raises:
        DataError: when the file system cannot lock files.
        DiskError: when the file cannot be made there.
    """
    path = Path(path)
    with _opened(path) as file:
        try:
            _acquire(file.fileno())
        except OSError as error:
            raise DataError(
                f"{path} cannot be locked ({error.strerror or error}); set STEADFIT_HOME to a "
                "folder on a local disk"
            ) from error
        yield  # closing the file releases the lock


@contextmanager
def process_lock_or(busy: Exception, path: str | Path) -> Iterator[None]:
    """Hold the lock file `path` while the block runs, or raise `busy` at once if another does.

    Where the file system cannot lock files, nothing is locked.

    Raises:
        DiskError: when the file cannot be made there.
    """
    with _opened(Path(path)) as file:
        try:
            _acquire_at_once(file.fileno())
        except (BlockingIOError, PermissionError):
            raise busy from None
        except OSError:
            pass
        yield


def _opened(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "ab")
    except OSError as error:
        raise disk_error(path, error, "nothing was begun") from error


if sys.platform == "win32":
    import msvcrt

    def _acquire_at_once(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _acquire(handle: int) -> None:
        while True:
            try:
                _acquire_at_once(handle)
                return
            except PermissionError:  # held by another; the waiting kind gives up after 10 s
                time.sleep(0.1)

else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

    def _acquire_at_once(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
