"""The process of one side: it prepares itself, then works when it is told to and sleeps between.

`python -m benchmarks._worker MODULE:FUNCTION SETTINGS` calls FUNCTION(gate, settings). Orders
come as lines of JSON on standard input, reports go out as lines of JSON on standard output; what
libraries print goes to standard error. It runs in the peers' environments too, so it imports the
standard library alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any, TextIO


class Finished(BaseException):
    """No more orders: unwinds whatever loop the side is in, past every `except Exception`."""


class Gate:
    """Where a side waits for orders and leaves its reports."""

    def __init__(self, orders: TextIO, reports: TextIO) -> None:
        self._orders = orders
        self._reports = reports
        self._ready = False

    def wait(self) -> dict[str, Any]:
        """Sleep until the next order; the first call says that the side is prepared.

        Raises:
            Finished: there are no more.
        """
        if not self._ready:
            self._ready = True
            self.report(ready=True, versions=versions())
        line = self._orders.readline()
        if not line:
            raise Finished
        order: dict[str, Any] = json.loads(line)
        return order

    def report(self, **figures: Any) -> None:
        """Answer an order."""
        print(json.dumps({**figures, "peak_mb": peak_mb()}), file=self._reports, flush=True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self.wait()


class Laps:
    """Lets a training loop that somebody else owns run from order to order.

    The loop calls `border` before its first piece of work and after each; an order names how many
    `pieces` to let pass (1 if it names none), and the report how long they took.
    """

    def __init__(self, gate: Gate, synchronize: Any = None) -> None:
        self._gate = gate
        self._synchronize = synchronize
        self._left = 0
        self._work = 0.0
        self._began = 0.0
        self._running = False

    def border(self, work: float = 0) -> None:
        """Count the work since the last border, and sleep here if that was the order's last."""
        if self._running:
            self._work += work
            self._left -= 1
            if self._left > 0:
                return
            if self._synchronize is not None:
                self._synchronize()
            self._gate.report(seconds=time.perf_counter() - self._began, work=self._work)
        order = self._gate.wait()
        self._left, self._work, self._running = order.get("pieces", 1), 0.0, True
        self._began = time.perf_counter()


def peak_mb() -> float | None:
    """Return the largest resident memory of this process so far."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


def versions() -> dict[str, str]:
    """Return the versions of what this side imported, of the libraries that matter."""
    from importlib import metadata

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("steadfit", "fastai", "transformers", "tokenizers", "spacy", "torch", "numpy"):
        if name in sys.modules:
            found[name] = metadata.version(name)
    return found


def pin(threads: int) -> None:
    """Keep this process, and torch, to the first processors that it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def run(function: Any, settings: dict[str, Any], gate: Gate) -> int:
    """Let a side work until there are no more orders; its failure is its last report."""
    try:
        pin(settings["threads"])
        function()(gate, settings)
    except Finished:
        return 0
    except BaseException:
        gate.report(error=traceback.format_exc())
        return 1
    return 0


def main() -> int:
    """Run the side that the command line names."""
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a print, of Python or of a library in C, must not be taken for a report
    module, _, name = sys.argv[1].partition(":")
    settings = json.loads(sys.argv[2])
    gate = Gate(sys.stdin, reports)
    return run(lambda: getattr(importlib.import_module(module), name), settings, gate)


if __name__ == "__main__":
    sys.exit(main())
