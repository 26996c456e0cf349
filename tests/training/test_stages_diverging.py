"""A fit that runs away takes back the same weights, whether it was stopped before or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from steadfit.core.errors import TrainingError
from steadfit.training.engine import fit
from steadfit.training.history import History
from steadfit.training.objective import StepResult
from steadfit.training.penalty_terms import Penalties
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

ALL = Penalties(2.0, 1.0, 50.0)


class Killed(BaseException):
    """Stands for the end of the process."""


def run(
    folder: Path, case: tuple[Any, Any], lr: float, losses: dict[int, float], kill: int | None
) -> tuple[str, dict[str, Tensor]]:
    """Return what a diverging fit says and the weights it leaves.

    Args:
        losses: by what the loss of a step, counted from 0, is multiplied.
        kill: the process ends before this step, when the checkpoint behind the last one is written.
    """
    make, batches = case
    objective = make(ALL, drop_mult=1.0)
    place = [0]

    class Scaled(type(objective)):  # type: ignore[misc]
        def forward(self, *arguments: Any) -> StepResult:
            result = super().forward(*arguments)
            return result._replace(loss=result.loss * losses.get(place[0], 1.0))

    class Counting:
        def __len__(self) -> int:
            return len(batches)

        def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]:
            for number, batch in enumerate(batches.epoch(epoch, start), start=start):
                place[0] = epoch * len(batches) + number
                if place[0] == kill:
                    raise Killed
                yield batch

        def describe(self) -> dict[str, Any]:
            return dict(batches.describe())

    objective.__class__ = Scaled
    plan = FitPlan(4, lr, schedule="constant")
    with pytest.raises(TrainingError) as told:
        fit(objective, Counting(), None, plan, History(), stages=Stages(folder, every=1))
    return str(told.value), {name: value.clone() for name, value in objective.state_dict().items()}


@pytest.mark.parametrize(
    ("lr", "losses"),
    [
        (1e-2, {5: float("nan")}),  # at once
        (1e-2, {3: 1e3, 4: 1e3, 5: float("nan")}),  # after steps that were doubtful already
        (1e12, {}),  # by itself
    ],
)
def test_stopped_before_any_step_it_takes_back_the_weights_of_an_undisturbed_one(
    case: tuple[Any, Any], lr: float, losses: dict[int, float], tmp_path: Path
) -> None:
    said, wanted = run(tmp_path / "undisturbed", case, lr, losses, None)
    diverged = int(re.findall(r"Step (\d+) of", said)[0]) - 1
    assert diverged >= 1
    for kill in {1, diverged - 1, diverged}:
        folder = tmp_path / str(kill)
        with pytest.raises(Killed):
            run(folder, case, lr, losses, kill)
        again, found = run(folder, case, lr, losses, None)
        assert again == said
        for name, value in wanted.items():
            assert torch.equal(found[name], value), (kill, name)
