"""Packages with models, as an installer leaves them."""

from __future__ import annotations

import importlib
from pathlib import Path


def install(site: Path, distribution: str, models: dict[str, str], package: str = "") -> Path:
    """Write the package's folder and metadata into `site`; return the folder, which is empty but
    for code that must not run.

    Args:
        site: a folder on `sys.path`, or one that will be.
        distribution: what pip would call it.
        models: the entries of the group `steadfit.models`.
        package: the import package; the distribution's name with underscores by default.
    """
    package = package or distribution.replace("-", "_")
    folder = site / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in models.items()]
    (info / "entry_points.txt").write_text("\n".join(["[steadfit.models]", *lines, ""]))
    importlib.invalidate_caches()
    return folder
