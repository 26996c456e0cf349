"""Trainings that are kept one by one, so that an experiment goes on where it was stopped.

A run is a function of this project, by its path, and the plain JSON values it is called with. Its
figures are kept under a hash of both, with the commit, versions and hardware it was made by; a run
that is there is not trained again.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import multiprocessing
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from steadfit.core.atomic import write_json
from steadfit.core.errors import TrainingError
from steadfit.core.lock import process_lock_or
from steadfit.report.provenance import commit_of, provenance
from steadfit.training.stages import LOCK

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".cache" / "experiments"


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        work: `module:function`, which returns plain JSON values.
        settings: what it is called with.
        checkpoints: a folder that the work goes on from, if it does; no part of its name.
    """

    work: str
    settings: Mapping[str, Any]
    checkpoints: Path | None = None

    @property
    def file(self) -> Path:
        """Where its figures are kept."""
        told = json.dumps([self.work, self.settings], sort_keys=True)
        folder = self.work.partition(":")[0].rpartition(".")[2].strip("_")
        return HOME / folder / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"

    def figures(self) -> dict[str, Any] | None:
        """Return what is known of the run; None if it was not finished."""
        with suppress(FileNotFoundError):
            return json.loads(self.file.read_text(encoding="utf-8"))
        return None

    def forget(self) -> None:
        """Delete what the work would go on from.

        Raises:
            TrainingError: another program is training with it.
        """
        if self.checkpoints is None or not self.checkpoints.exists():
            return
        busy = TrainingError(
            f"{self.checkpoints} is in use: another program is training with it just now. Wait "
            "until it is done, or stop it."
        )
        for lock in self.checkpoints.rglob(LOCK):
            with process_lock_or(busy, lock):
                pass
        shutil.rmtree(self.checkpoints)


def run_all(
    runs: Sequence[Run], jobs: int, fresh: bool = False, threads: int = 1
) -> list[dict[str, Any]]:
    """Return the figures of all runs, in order; those that are missing are trained now.

    Args:
        runs: the trainings.
        jobs: how many at a time, each in a process of its own.
        fresh: train them all again, from their first steps.
        threads: of each.

    Raises:
        TrainingError: fresh ones, and another program is training one of them.
    """
    missing = list(dict.fromkeys(r.file for r in runs if fresh or r.figures() is None))
    by_file = {run.file: run for run in runs}
    if fresh:
        for run in by_file.values():
            run.forget()
    if len(missing) < len(by_file):
        print(f"{len(by_file) - len(missing)} of {len(by_file)} runs were done before", flush=True)
    began = time.perf_counter()
    for done, run in enumerate(
        _finished([by_file[file] for file in missing], jobs, threads), start=1
    ):
        took = time.perf_counter() - began
        left = took / done * (len(missing) - done)
        named = ", ".join(f"{k} {v}" for k, v in run.settings.items() if isinstance(v, (str, int)))
        print(f"{done}/{len(missing)} ({took:.0f} s, {left:.0f} s left): {named}", flush=True)
    found = [run.figures() for run in runs]
    return [one for one in found if one is not None]


def stamp() -> dict[str, Any]:
    """Return at which commit, and on what, this process trains; `made_on` as `provenance`."""
    return {"commit": _commit(), "made_on": provenance()}


@cache  # what is committed while a process trains is none of what it trains by
def _commit() -> str | None:
    return commit_of(ROOT, "src", "experiments")


def _finished(runs: Sequence[Run], jobs: int, threads: int) -> Iterator[Run]:
    if jobs == 1:
        for run in runs:
            _work(run, run.file, threads)
            yield run
        return
    fresh_processes = multiprocessing.get_context("spawn")  # forked ones hang in OpenMP's locks
    with ProcessPoolExecutor(jobs, mp_context=fresh_processes) as pool:
        waiting = {pool.submit(_work, run, run.file, threads): run for run in runs}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _work(run: Run, file: Path, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    made = stamp()
    module, _, function = run.work.partition(":")
    began = time.perf_counter()
    figures = getattr(importlib.import_module(module), function)(**run.settings)
    seconds = round(time.perf_counter() - began, 1)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {**run.settings, **figures, "seconds": seconds, **made})
