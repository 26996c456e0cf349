"""Checkpoints of another fit, or of one that is running, are refused and left as they are."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, TrainingError
from steadfit.training.callbacks import EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.history import History
from steadfit.training.metrics import accuracy
from steadfit.training.optimizer import freeze_to
from steadfit.training.penalty_terms import Penalties
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan
from tests.training.programs import ALL, Killed, Program

pytestmark = pytest.mark.usefixtures("no_warning")


def change_plan(program: Program, **values: Any) -> None:
    program.plans = [replace(plan, **values) for plan in program.plans]


def change_batches(program: Program) -> None:
    program.batches = type(program.batches)(program.batches.store, range(1, 24), batch_size=8)


def change_make(program: Program, change: Any) -> None:
    make = program.make

    def changed(penalties: Penalties, drop_mult: float) -> Any:
        return change(make, penalties, drop_mult)

    program.make = changed


def frozen(make: Any, penalties: Penalties, drop_mult: float) -> Any:
    objective = make(penalties, drop_mult=drop_mult)
    freeze_to(objective.model.layer_groups(), -1)
    return objective


CHANGES = {
    "lr": lambda p: change_plan(p, lr=2e-2),
    "epochs": lambda p: change_plan(p, epochs=3),
    "seed": lambda p: change_plan(p, seed=1),
    "accumulate": lambda p: change_plan(p, accumulate=2),
    "train": change_batches,
    "valid": lambda p: setattr(p, "valid", None),
    "weights": lambda p: change_make(p, lambda make, n, d: make(n, drop_mult=d, seed=1)),
    "model": lambda p: change_make(p, lambda make, n, d: make(n, drop_mult=0.5)),
    "penalties": lambda p: change_make(
        p, lambda make, n, d: make(Penalties(2.0, 1.0, 0.0), drop_mult=d)
    ),
    "trained": lambda p: change_make(p, frozen),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_fit_is_refused_and_what_differs_is_named(name: str, simple: Program) -> None:
    with pytest.raises(Killed):
        simple.run(at=4)
    before = [(path, path.read_bytes()) for path in simple.checkpoints.rglob("*.*")]
    CHANGES[name](simple)
    with pytest.raises(TrainingError, match=rf"another fit: {name} differ .*{name} .*checkpoint_d"):
        simple.run()
    assert [(path, path.read_bytes()) for path in simple.checkpoints.rglob("*.*")] == before


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("metrics", {"metrics": [accuracy]}),
        ("callbacks", {"callbacks": []}),
        ("callbacks", {"callbacks": [EarlyStopping(patience=2)]}),
    ],
)
def test_other_metrics_and_callbacks_are_refused(
    name: str, changes: dict[str, Any], simple: Program
) -> None:
    stages = {"stages": Stages(simple.checkpoints)}
    objective = simple.make(ALL)
    plan = FitPlan(1, 1e-2)
    parts = (simple.batches, simple.valid, plan)
    fit(objective, *parts, History(), **{"callbacks": [EarlyStopping()], **stages})
    with pytest.raises(TrainingError, match=f"another fit: {name} differ"):
        fit(
            simple.make(ALL), *parts, History(),
            **{"callbacks": [EarlyStopping()], **stages, **changes},
        )  # fmt: skip


def test_another_library_or_number_of_threads_is_told(
    simple: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        simple.run(at=4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    with pytest.warns(UserWarning, match="'threads': 64.*last bits"):
        simple.run()


def test_a_fit_that_was_refused_before_its_first_step_leaves_its_place_to_another(
    simple: Program,
) -> None:
    def run(monitor: str) -> None:
        objective = simple.make(ALL, drop_mult=1.0)
        parts = (objective, simple.batches, simple.valid, simple.plans[0], History())
        fit(*parts, [EarlyStopping(monitor)], [accuracy], Stages(simple.checkpoints))

    with pytest.raises(DataError, match="acuracy"):
        run("acuracy")
    run("accuracy")
    with pytest.raises(TrainingError, match="another fit: callbacks"):  # what has steps stays
        run("acuracy")


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"fit": 1}'])
def test_a_damaged_fit_file_is_refused_with_the_folder_to_remove(
    content: str, simple: Program
) -> None:
    simple.run()
    (simple.checkpoints / "stage-0000" / "fit.json").write_text(content, "utf-8")
    with pytest.raises(TrainingError, match=r"fit\.json is damaged.*Remove .*stage-0000"):
        simple.run()


def test_another_fit_in_the_same_folder_at_the_same_time_is_refused_and_changes_nothing(
    simple: Program,
) -> None:
    refused: list[str] = []

    def meanwhile() -> None:
        before = [(path, path.read_bytes()) for path in simple.checkpoints.rglob("*.*")]
        with pytest.raises(TrainingError, match="in use: another program") as caught:
            simple.run()
        refused.append(str(caught.value))
        assert [(path, path.read_bytes()) for path in simple.checkpoints.rglob("*.*")] == before

    simple.run(at=5, action=meanwhile)
    assert len(refused) == 1
    assert str(simple.checkpoints) in refused[0]
    simple.run()  # it is free again


def test_the_lock_of_a_program_that_was_killed_is_gone_with_it(simple: Program) -> None:
    program = (
        "import sys, time; from steadfit.training.stages import Stages\n"
        "with Stages(sys.argv[1]).locked(): print('locked', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(simple.checkpoints)], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"locked"
        with pytest.raises(TrainingError, match="in use"):
            simple.run()
    finally:
        other.kill()
        other.communicate()
    simple.run()
