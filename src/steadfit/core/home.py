"""Where Steadfit keeps data sets and token stores."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """Return the folder for cached files; it is not created here.

    `STEADFIT_HOME` if set, otherwise `steadfit` in the platform's own cache folder.
    """
    if chosen := os.environ.get("STEADFIT_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "steadfit"
