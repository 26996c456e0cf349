"""Sides that do next to nothing, in processes of their own."""

from __future__ import annotations

import os
from typing import Any

from benchmarks._worker import Gate, Laps
from steadfit.core.waiting import WAITING


def counting(gate: Gate, settings: dict[str, Any]) -> None:
    """Take `settings["seconds"]`, so it says, for each order's pieces; tell who took its turn."""
    for turn, order in enumerate(gate):
        with open(settings["diary"], "a", encoding="utf-8") as diary:
            diary.write(f"{settings['who']} {turn}\n")
        gate.report(seconds=settings["seconds"], work=6 * order["pieces"], turn=turn)


def looping(gate: Gate, settings: dict[str, Any]) -> None:
    """Run a loop of its own that knows of orders only at the borders of its steps."""
    laps = Laps(gate)
    laps.border()
    for _ in range(1000):
        laps.border(work=10)


def chatting(gate: Gate, settings: dict[str, Any]) -> None:
    """Print where reports go out."""
    print("a library says hello")  # noqa: T201
    os.system("echo a program says hello")
    for _ in gate:
        gate.report(seconds=1, work=1, threads=os.environ["OMP_NUM_THREADS"])


def surroundings(gate: Gate, settings: dict[str, Any]) -> None:
    """Tell how OpenMP is to wait, and the number of processors."""
    for _ in gate:
        waiting = {name: os.environ[name] for name in WAITING if name in os.environ}
        gate.report(seconds=1, work=1, waiting=waiting, processors=len(os.sched_getaffinity(0)))


def failing(gate: Gate, settings: dict[str, Any]) -> None:
    """Fail at the first order."""
    gate.wait()
    raise RuntimeError("the dataset is empty")


def dying(gate: Gate, settings: dict[str, Any]) -> None:
    """End without a word to the gate."""
    gate.wait()
    os.write(2, b"out of memory, says the system\n")
    os._exit(9)
