"""Where Steadfit keeps data sets and token stores."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from steadfit.core.errors import DataError


def home() -> Path:
    """Return the folder for cached files, as an absolute path; it is not created here.

    `STEADFIT_HOME` if set, otherwise `steadfit` in the platform's own cache folder.

    Raises:
        DataError: when the system knows no home folder for this user and none is set.
    """
    try:
        if chosen := os.environ.get("STEADFIT_HOME"):
            return Path(chosen).expanduser().absolute()
        return _cache() / "steadfit"
    except RuntimeError as error:
        raise DataError(
            f"no folder for cached files ({error}); set STEADFIT_HOME to one that can be written"
        ) from error


def write_problem(folder: Path) -> str | None:
    """Return why no file can be written to a folder, which is created; None if one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror or str(error)
    return None


def _cache() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    # The XDG specification says that a relative path there is to be ignored.
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"
