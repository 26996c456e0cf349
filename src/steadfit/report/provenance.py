"""Where and with what a figure was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any


def provenance() -> dict[str, Any]:
    """Return versions and hardware as plain JSON values; nothing that names the user or machine."""
    import torch

    names = ("steadfit", "torch", "numpy", "scikit-learn")
    return {
        "versions": {"python": platform.python_version(), **{n: version(n) for n in names}},
        "hardware": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def commit_of(checkout: Path, *folders: str) -> str | None:
    """Return the commit a checkout stands at, marked where `folders` were changed after it.

    None where it is no checkout, or git is missing.
    """

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=checkout, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", *folders)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit} with changes" if changed else commit


def own_commit() -> str | None:
    """Return the commit of the checkout that this library runs from; None where it is installed."""
    root = Path(__file__).parents[3]
    # Without this an environment below somebody's own repository would be named by that one.
    return commit_of(root, "src") if (root / ".git").exists() else None


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
