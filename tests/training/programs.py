"""A script of several fits that can be stopped at any moment and run again."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from steadfit.training.callbacks import BestModel, EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.events import MOMENTS, Callback
from steadfit.training.history import History
from steadfit.training.logs import CSVLog, JSONLinesLog
from steadfit.training.penalty_terms import Penalties
from steadfit.training.run import Run
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

ALL = Penalties(2.0, 1.0, 50.0)
TIMES = ("time", "seconds", "tokens_per_second")


class Killed(BaseException):
    """Stands for the end of the process."""


class Trap(Callback):
    """Counts all moments of all fits, and does something at one of them."""

    def __init__(self, at: int | None = None, action: Any = None) -> None:
        self.at, self.count, self.action = at, 0, action

    def __getattribute__(self, name: str) -> Any:
        if name not in MOMENTS:
            return super().__getattribute__(name)

        def note(run: Run) -> None:
            if self.count == self.at:
                if self.action is None:
                    raise Killed
                self.action()
            self.count += 1

        return note


class Program:
    """A script of several fits that leaves logs and the best weights in a folder."""

    def __init__(
        self,
        folder: Path,
        make: Any,
        batches: Any,
        valid: Any,
        plans: list[FitPlan],
        every: int = 2,
    ) -> None:
        self.folder, self.make, self.batches, self.valid = folder, make, batches, valid
        self.plans, self.every = plans, every
        self.checkpoints = folder / "checkpoints"

    def run(self, at: int | None = None, action: Any = None, **changes: Any) -> dict[str, Any]:
        """Run it from its first line; return all that must not depend on interruptions."""
        objective = self.make(ALL, drop_mult=1.0)
        history = History()
        stages = Stages(self.checkpoints, self.every)
        trap = Trap(at, action)
        callbacks = [
            CSVLog(self.folder / "log.csv"),
            JSONLinesLog(self.folder / "log.jsonl"),
            BestModel(self.folder / "best", "train_loss"),
            EarlyStopping("train_loss", patience=1, min_delta=10.0),  # ends the third epoch
            trap,
        ]
        for number, plan in enumerate(self.plans):
            plan = replace(plan, stage=number, first_epoch=len(history.epochs))
            settings = {"callbacks": callbacks, "stages": stages, **changes}
            fit(objective, self.batches, self.valid, plan, history, **settings)
        self.moments = trap.count
        return {
            "weights": {k: v.tolist() for k, v in objective.state_dict().items()},
            "best": (self.folder / "best.safetensors").read_bytes(),
            "steps": [asdict(step) for step in history.steps],
            "epochs": [timeless(asdict(epoch)) for epoch in history.epochs],
            "csv": self.csv(),
            "jsonl": self.jsonl(),
        }

    def csv(self) -> list[dict[str, Any]]:
        with (self.folder / "log.csv").open(encoding="utf-8", newline="") as file:
            return [timeless(row) for row in csv.DictReader(file)]

    def jsonl(self) -> list[dict[str, Any]]:
        lines = (self.folder / "log.jsonl").read_text("utf-8").splitlines()
        return [timeless(json.loads(line)) for line in lines]

    def newest(self, stage: int = 0) -> list[Path]:
        """Return the checkpoints of a stage, newest first."""
        return sorted(self.checkpoints.glob(f"stage-{stage:04}/checkpoint-*"), reverse=True)


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in TIMES}
