"""A side of a benchmark as the harness sees it: a process that works on order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from steadfit.core.waiting import WAITING

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".cache" / "benchmarks"


class SideError(Exception):
    """A side did not do what it was told; the message is its own."""


@dataclass(frozen=True)
class Side:
    """What to start.

    Attributes:
        name: in tables and results.
        target: `module:function`, called with a gate and the settings.
        settings: plain JSON values.
        python: the interpreter of the side's environment.
        variables: of its process, beside the number of threads.
    """

    name: str
    target: str
    settings: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable
    variables: dict[str, str] = field(default_factory=dict)


def ours(name: str, target: str, **settings: Any) -> Side:
    """Return a side of Steadfit, in the surroundings that its command line makes."""
    return Side(name, target, settings, variables=WAITING)


class Worker:
    """The process of a side, from start to end."""

    def __init__(self, side: Side, threads: int, device: str = "cpu") -> None:
        self.side = side
        self.peak_mb: float | None = None
        # Closed in `close`, with the process that writes into it.
        self._messages = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        settings = {**side.settings, "threads": threads, "device": device}
        self._process = subprocess.Popen(
            [side.python, "-m", "benchmarks._worker", side.target, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=surroundings(side, threads),
        )
        self.versions: dict[str, str] = {}

    def prepare(self) -> None:
        """Wait until the side is ready for orders."""
        self.versions = self._report()["versions"]

    def go(self, **order: Any) -> dict[str, Any]:
        """Let it do one order's work, and return its report."""
        assert self._process.stdin is not None
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise SideError(self._died()) from error
        return self._report()

    def close(self) -> None:
        """Tell the side that there are no more orders, and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._messages.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()  # it may be deep in work that nobody waits for any more
        self.close()

    def _report(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SideError(self._died())
        report: dict[str, Any] = json.loads(line)
        if "error" in report:
            raise SideError(f"{self.side.name}:\n{report['error']}")
        self.peak_mb = report.pop("peak_mb", None)
        return report

    def _died(self) -> str:
        status = self._process.wait()
        self._messages.seek(0)
        said = self._messages.read()[-4000:]
        return f"{self.side.name}: its process ended with status {status}\n{said}"


def surroundings(side: Side, threads: int) -> dict[str, str]:
    """Return the environment of a side's process: its threads bounded, its caches in the project.

    How threads wait is what each side's user has, not what this shell says.
    """
    kept = {name: value for name, value in os.environ.items() if name not in WAITING}
    count = str(threads)
    return {
        **kept,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore",
        "STEADFIT_HOME": str(HOME / "steadfit"),
        "STEADFIT_PROGRESS": "0",
        "FASTAI_HOME": str(HOME / "fastai"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        **side.variables,
    }
