"""A process with fastai in it, asked by the tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conformance.peer import Answer, AskPeer

ROOT = Path(__file__).parents[2]
_MEASURED: dict[str, float] = {}


@pytest.fixture(scope="session")
def ask_fastai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskPeer]:
    """Give a function that lets fastai do a task of `fastai_worker.py` and returns its answer."""
    folder = tmp_path_factory.mktemp("fastai")
    with (folder / "messages.txt").open("w") as messages:
        process = subprocess.Popen(
            [_python(), str(Path(__file__).with_name("fastai_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env=_surroundings(folder),
        )
    assert process.stdin is not None
    assert process.stdout is not None
    to_fastai, from_fastai = process.stdin, process.stdout

    def ask(task: str, arrays: Mapping[str, Tensor] | None = None, **settings: Any) -> Answer:
        np.savez(folder / "in.npz", **{k: v.detach().numpy() for k, v in (arrays or {}).items()})
        request = {"task": task, "folder": str(folder), **settings}
        print(json.dumps(request), file=to_fastai, flush=True)
        line = from_fastai.readline()
        if not line:
            pytest.exit("fastai's process ended:\n" + (folder / "messages.txt").read_text())
        answer = json.loads(line)
        if "error" in answer:
            pytest.fail(f"fastai could not do {task}:\n{answer['error']}")
        with np.load(folder / "out.npz", allow_pickle=False) as file:
            out = {name: torch.from_numpy(file[name]) for name in file.files}
        return Answer(out, answer["values"])

    yield ask
    to_fastai.close()
    process.wait(timeout=60)


@pytest.fixture(scope="session")
def measured() -> Iterator[dict[str, float]]:
    """Give a place for the largest differences found; they are told at the end."""
    found: dict[str, float] = {}
    yield found
    _MEASURED.update(found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was measured, the number for the reader and not only whether it passed."""
    if _MEASURED:
        terminalreporter.section("measured")
        for what, value in _MEASURED.items():
            terminalreporter.write_line(f"{what:60} {value:.3g}")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _python() -> str:
    where = ROOT / ".venv-fastai" / ("Scripts" if os.name == "nt" else "bin") / "python"
    python = os.environ.get("STEADFIT_PEER_PYTHON", str(where))
    if shutil.which(python) is None:
        pytest.exit(f"There is no {python}; build fastai's environment by: make conformance")
    return python


def _surroundings(folder: Path) -> dict[str, str]:
    """Keep fastai's settings, which it writes on import, and its threads within bounds."""
    return {
        **os.environ,
        "FASTAI_HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
