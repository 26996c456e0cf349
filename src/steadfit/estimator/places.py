"""Paths as people write them: "~" is the user's own folder."""

from __future__ import annotations

import os.path
from pathlib import Path
from typing import Any

from steadfit.core.checks import a_path


def at_home(name: str, value: Any) -> str | Path:
    """Return a path with "~" replaced, of the type it has: a string may be a model's name.

    Raises:
        DataError: it is no path; `name` is what it is called.
    """
    path = os.path.expanduser(a_path(name, value))
    return path if isinstance(value, str) else Path(path)
