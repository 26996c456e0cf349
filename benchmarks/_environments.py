"""The peers' environments: where their interpreters are, and how they are made."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NamedTuple

from benchmarks._sides import ROOT


class Environment(NamedTuple):
    """A virtual environment of a peer.

    Attributes:
        folder: below the project.
        variable: an environment variable that names another interpreter.
    """

    folder: str
    variable: str


ENVIRONMENTS = {
    "fastai": Environment(".venv-fastai", "STEADFIT_PEER_PYTHON"),
    "fasttext": Environment(".venv-fasttext", "STEADFIT_FASTTEXT_PYTHON"),
    "transformers": Environment(".venv-transformers", "STEADFIT_TRANSFORMERS_PYTHON"),
}


def peer_python(peer: str, build: bool) -> str | None:
    """Return the interpreter of a peer's environment, made now if it is missing and `build` is set.

    Where there is none, a line says that the peer is not measured, and how to change that.
    """
    environment = ENVIRONMENTS[peer]
    if named := os.environ.get(environment.variable):
        return named
    stamp = f"{environment.folder}/ready.stamp"
    if not (ROOT / stamp).exists() and build and shutil.which("make"):
        print(f"making the environment of {peer} in {environment.folder}", flush=True)
        subprocess.run(["make", "-s", stamp], cwd=ROOT, check=False)
    if (ROOT / stamp).exists():
        scripts = "Scripts" if os.name == "nt" else "bin"
        return str(ROOT / environment.folder / scripts / "python")
    print(f"peer {peer} is not measured: run make peers", flush=True)
    return None
