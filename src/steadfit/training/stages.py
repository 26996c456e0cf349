"""Fits that can be killed at any moment and run again as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from steadfit.core.atomic import write_json
from steadfit.core.console import say
from steadfit.core.errors import DataError, TrainingError
from steadfit.files.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from steadfit.training.events import Callback
from steadfit.training.interrupts import DeferredInterrupt
from steadfit.training.run import Run
from steadfit.training.snapshot import restore, restore_callbacks, snapshot

STEPS_BETWEEN = 500
KEEP = 2


class Stages:
    """The fits of one learner, each a stage with a number and a fingerprint, under one folder.

    Run a script again and its finished stages are skipped, the open one goes on from its newest
    whole checkpoint, and the rest follow: same weights to the bit, same log but for times.

    Args:
        folder: for this learner alone.
        every: optimizer steps between checkpoints; one is also written at each epoch's end.
        keep: how many checkpoints of the open stage stay on disk.
    """

    def __init__(self, folder: str | Path, every: int = STEPS_BETWEEN, keep: int = KEEP) -> None:
        for name, value in (("every", every), ("keep", keep)):
            if not isinstance(value, int) or value < 1:
                raise DataError(f"{name} is {value!r}; accepted is a whole number from 1.")
        self.folder = Path(folder)
        self.every = every
        self.keep = keep
        self._passed_on: Sequence[Sequence[Any]] | None = None  # callbacks' state of a skipped fit

    def open(self, run: Run, callbacks: Sequence[Callback]) -> Stage:
        """Find how far the stage of this fit has come, and put the run there.

        Raises:
            TrainingError: the folder's stage of that number was another fit.
        """
        number = run.plan.stage
        stage = Stage(self, self.folder / f"stage-{number:04}", number)
        stage.claim(_fingerprint(run, callbacks))
        found = newest_checkpoint(stage.folder)
        if found is None:
            if self._passed_on is not None:
                restore_callbacks(callbacks, self._passed_on)
            stage.save(run, callbacks)
            return stage
        restore(run, found)
        stage.ordinal = found.values["ordinal"] + 1
        if run.state.finished:
            self._passed_on = found.values["callbacks"]
            say(f"Fit {number + 1} was finished before and is not run again ({stage.folder}).")
        else:
            stage.found = found
            if not run.state.begun:
                restore_callbacks(callbacks, found.values["callbacks"])
            say(f"Fit {number + 1} goes on after step {run.state.step} of {run.steps}.")
        return stage


class Stage:
    """One fit's checkpoints."""

    def __init__(self, stages: Stages, folder: Path, number: int) -> None:
        self.stages = stages
        self.folder = folder
        self.number = number
        self.ordinal = 0
        self.found: Checkpoint | None = None
        self._interrupt = DeferredInterrupt()

    @contextmanager
    def resumed(self, run: Run, callbacks: Sequence[Callback]) -> Iterator[None]:
        """Give callbacks back their state, and tell how to go on if the block is interrupted."""
        if self.found is not None and run.state.begun:
            restore_callbacks(callbacks, self.found.values["callbacks"])
        try:
            with self._interrupt:
                yield
        except KeyboardInterrupt:
            say(
                f"Stopped after step {run.state.step} of {run.steps}. Run the same program again "
                f"to go on from the checkpoint in {self.folder}."
            )
            raise

    def step_done(self, run: Run, callbacks: Sequence[Callback]) -> None:
        """Write a checkpoint if it is time, or if somebody wants to stop."""
        asked_to_stop = self._interrupt.asked
        last = run.state.batch == len(run.train)  # before a validation that may take long
        if asked_to_stop or last or run.state.step % self.stages.every == 0:
            self.save(run, callbacks)
        if asked_to_stop:
            raise KeyboardInterrupt
        # Validation changes no weights, so it can be broken off anywhere.
        self._interrupt.deferring = not last

    def save(self, run: Run, callbacks: Sequence[Callback]) -> None:
        """Write a checkpoint now; of a finished fit only this one stays."""
        tensors, values = snapshot(run, callbacks)
        keep = 1 if run.state.finished else self.stages.keep
        write_checkpoint(
            self.folder, self.ordinal, tensors, {**values, "ordinal": self.ordinal}, keep
        )
        self.ordinal += 1

    def claim(self, fingerprint: dict[str, Any]) -> None:
        """Write the fit's fingerprint, or compare it with the one that is there."""
        file = self.folder / "fit.json"
        if not file.exists():
            write_json(file, fingerprint)
            return
        try:
            before = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            before = {}
        different = sorted(
            name for name in {*before, *fingerprint} if before.get(name) != fingerprint.get(name)
        )
        if different:
            raise TrainingError(
                f"{self.folder} holds checkpoints of another fit: {', '.join(different)} differ "
                f"({_shown(before, different)} there, {_shown(fingerprint, different)} here). Take "
                "back the change, or give another checkpoint_dir."
            )


def _fingerprint(run: Run, callbacks: Sequence[Callback]) -> dict[str, Any]:
    """Describe all that decides how a fit goes, as plain JSON values."""
    plan = asdict(run.plan)
    lr = run.plan.lr
    plan["lr"] = [lr.start, lr.stop] if isinstance(lr, slice) else lr
    described: dict[str, Any] = json.loads(json.dumps(plan))
    return {
        **described,
        "penalties": asdict(run.objective.penalties),
        "trained": [name for name, p in run.model.named_parameters() if p.requires_grad],
        "weights": _digest(run.model.state_dict()),
        "train": run.train.describe(),
        "valid": None if run.valid is None else run.valid.describe(),
        "metrics": [metric.name for metric in run.metrics],
        "callbacks": [type(one).__name__ for one in callbacks],
    }


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in tensors.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).numpy().tobytes())
    return digest.hexdigest()


def _shown(values: dict[str, Any], names: Sequence[str]) -> str:
    text = ", ".join(f"{name} {values.get(name)}" for name in names)
    return text if len(text) < 200 else text[:200] + "…"
