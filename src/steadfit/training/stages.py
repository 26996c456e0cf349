"""Fits that can be killed at any moment and run again as if nothing had happened."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from steadfit.core.checks import whole_number
from steadfit.core.console import say, told_if_stopped
from steadfit.core.errors import SteadfitError, TrainingError
from steadfit.core.lock import process_lock_or
from steadfit.files.checkpoint import Checkpoint, keep_newest, newest_checkpoint, write_checkpoint
from steadfit.training.events import Callback
from steadfit.training.fit_file import claim
from steadfit.training.interrupts import DeferredInterrupt
from steadfit.training.run import Run
from steadfit.training.snapshot import restore, restore_callbacks, snapshot

STEPS_BETWEEN = 500
KEEP = 2
FIT = "fit.json"
LOCK = "in-use.lock"


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
            whole_number(name, value, 1)
        self.folder = Path(folder).expanduser()
        self.every = every
        self.keep = keep

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other programs from the folder for as long as a fit takes.

        Raises:
            TrainingError: another one is at it, or the folder cannot be written.
        """
        busy = TrainingError(
            f"{self.folder} is in use: another program is fitting with it just now. Wait until it "
            "is done, stop it, or give another checkpoint_dir."
        )
        with ExitStack() as stack:
            with _told(self.folder):
                stack.enter_context(process_lock_or(busy, self.folder / LOCK))
            yield

    def open(self, run: Run, callbacks: Sequence[Callback]) -> Stage:
        """Find how far the stage of this fit has come; take back the weights of a finished one.

        Raises:
            TrainingError: the folder's stage of that number was another fit, or cannot be written.
            FileFormatError: the newest checkpoint is of another version.
        """
        stage = Stage(self, run, callbacks)
        with _told(stage.folder):
            at_begin = claim(stage.folder / FIT, run, callbacks)
            found = newest_checkpoint(stage.folder)
        if found is not None and found.values["place"]["finished"]:
            restore(run, found)
            restore_callbacks(callbacks, found.values["callbacks"], found.tensors)
            keep_newest(stage.folder, found.values["ordinal"], keep=1)
            say(f"Fit {stage.number} was finished before and is not run again ({stage.folder}).")
        elif found is not None:
            stage.found = found
            step = stage.saved_step = found.values["place"]["step"]
            stage.ordinal = found.values["ordinal"] + 1
            say(f"Fit {stage.number} goes on after step {step} of {run.steps}.")
        elif at_begin is not None:
            restore_callbacks(callbacks, at_begin)
            stage.rewind()
        else:
            stage.is_new = True
        return stage


class Stage:
    """One fit's checkpoints."""

    def __init__(self, stages: Stages, run: Run, callbacks: Sequence[Callback]) -> None:
        self.stages = stages
        self.run = run
        self.callbacks = callbacks
        self.number = run.plan.stage + 1
        self.folder = stages.folder / f"stage-{run.plan.stage:04}"
        self.ordinal = 0
        self.saved_step = 0
        self.found: Checkpoint | None = None
        self.is_new = False
        self._interrupt = DeferredInterrupt()

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Put the run where it was, and tell how to go on if the block is interrupted."""
        if self.found is not None:
            # After on_fit_begin, which may change weights.
            restore(self.run, self.found)
            restore_callbacks(self.callbacks, self.found.values["callbacks"], self.found.tensors)
            self.rewind()
            self.found = None  # its tensors need as much memory as the model and its optimizer
        with told_if_stopped(self._how_to_go_on), self._interrupt:
            yield

    def withdraw(self) -> None:
        """Let another fit take the place of one that was refused before its first step."""
        if self.is_new:
            (self.folder / FIT).unlink(missing_ok=True)

    def steps_follow(self) -> None:
        """Let Ctrl-C wait for the end of a step from now on."""
        self._interrupt.deferring = True

    def _how_to_go_on(self) -> str:
        return (
            f"Stopped. Run the same program again, and fit {self.number} goes on after step "
            f"{self.saved_step} of {self.run.steps} ({self.folder})."
        )

    def rewind(self) -> None:
        """Let callbacks undo what they wrote after the state they were given back."""
        following = self.stages.folder / f"stage-{self.number:04}"
        if following.exists():
            # Only damage to a finished fit leads here. What later fits wrote must not be lost.
            warnings.warn(
                f"Later fits were begun before this one ({following}), so logs are not cut back: "
                "lines of this fit will stand in them twice.",
                stacklevel=2,
            )
            return
        for one in self.callbacks:
            one.rewind()

    def step_done(self) -> None:
        """Write a checkpoint if it is time, or if somebody wants to stop."""
        state = self.run.state
        last = state.batch == self.run.batches  # before a validation that may take long
        due = self._interrupt.asked or last or state.step % self.stages.every == 0
        if due:
            self.save()
        # Validation changes no weights, so it can be broken off anywhere.
        self._interrupt.deferring = not last
        if due and self._interrupt.asked:
            raise KeyboardInterrupt

    def save(self) -> None:
        """Write a checkpoint now; of a finished fit only this one stays."""
        tensors, values = snapshot(self.run, self.callbacks)
        keep = 1 if self.run.state.finished else self.stages.keep
        with _told(self.folder):
            write_checkpoint(
                self.folder, self.ordinal, tensors, {**values, "ordinal": self.ordinal}, keep
            )
        self.ordinal += 1
        self.saved_step = self.run.state.step


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, SteadfitError):
            raise
        raise TrainingError(
            f"{folder} cannot be written ({error}). Earlier checkpoints are as they were: make "
            "room or give the rights, run the program again, and it goes on from there."
        ) from error
