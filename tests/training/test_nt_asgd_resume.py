"""A fit that goes from SGD to averaged SGD, stopped anywhere, is the fit that was never stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import TrainingError
from steadfit.files.checkpoint import Checkpoint
from steadfit.training.engine import fit
from steadfit.training.fit_file import fingerprint
from steadfit.training.history import History
from steadfit.training.run import Run
from steadfit.training.snapshot import restore, snapshot
from steadfit.training.state import FitPlan
from tests.training.programs import Killed, Program

PLAN = FitPlan(4, 0.5, schedule="constant", clip=0.25, optimizer="nt-asgd", nonmono=0)


@pytest.fixture
def program(
    tmp_path: Path, language_model: Any, drawn: Any, contrary: Any
) -> Callable[..., Program]:
    """Return a maker of programs that end after three epochs, of which the third one averages."""

    def build(name: str, plan: FitPlan = PLAN) -> Program:
        (tmp_path / name).mkdir()
        return Program(tmp_path / name, language_model, drawn, contrary, [plan], every=3)

    return build


@pytest.mark.parametrize(("optimizer", "apart"), [("nt-asgd", 6), ("asgd", 13)])
def test_killed_at_any_moment_and_run_again(program: Any, optimizer: str, apart: int) -> None:
    plan = replace(PLAN, optimizer=optimizer)
    undisturbed = program("undisturbed", plan)
    wanted = undisturbed.run()
    losses = [epoch["valid_loss"] for epoch in wanted["epochs"]]
    assert len(losses) == 3
    assert losses[1] > losses[0], "the switch comes after the second epoch"
    for at in range(1, undisturbed.moments, apart):
        disturbed = program(f"disturbed {at}", plan)
        with pytest.raises(Killed):
            disturbed.run(at)
        assert disturbed.run() == wanted, at


def test_a_snapshot_holds_the_average_and_the_weights_themselves(
    language_model: Any, drawn: Any, contrary: Any
) -> None:
    run = fit(language_model(), drawn, contrary, replace(PLAN, epochs=3), History())
    kept = Checkpoint(*snapshot(run, []))
    assert kept.values["place"]["averaging"] is True
    other = Run(language_model(seed=1), drawn, contrary, replace(PLAN, epochs=3), History(), ())
    assert not other.state.averaging
    restore(other, kept)
    assert isinstance(other.optimizer, torch.optim.ASGD)
    mine, theirs = (one.optimizer.state_dict()["state"] for one in (run, other))
    assert mine.keys() == theirs.keys() != set()
    for number, state in mine.items():
        assert state.keys() == theirs[number].keys() == {"step", "eta", "mu", "ax"}
        for name, value in state.items():
            assert torch.equal(value, theirs[number][name]), name


def test_a_checkpoint_of_before_averaging_was_known_is_read(
    language_model: Any, drawn: Any
) -> None:
    run = fit(language_model(), drawn, None, FitPlan(1, 1e-2), History())
    kept = Checkpoint(*snapshot(run, []))
    del kept.values["place"]["averaging"]
    other = Run(language_model(seed=1), drawn, None, FitPlan(1, 1e-2), History(), ())
    restore(other, kept)
    assert other.state.step == run.state.step
    assert not other.state.averaging


def test_a_fit_is_described_with_its_optimizer_only_where_it_is_not_adamw(
    language_model: Any, stream: Any
) -> None:
    """Fits begun before there was a choice have fit files without it."""

    def described(plan: FitPlan) -> set[str]:
        run = Run(language_model(), stream, stream, plan, History(), ())
        return {"optimizer", "nonmono"} & fingerprint(run, []).keys()

    assert described(FitPlan(1, 1e-2)) == set()
    assert described(FitPlan(1, 1e-2, optimizer="sgd")) == {"optimizer"}
    assert described(PLAN) == {"optimizer", "nonmono"}


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"optimizer": "adamw"}, {"nonmono": 3}])
def test_another_optimizer_is_another_fit(program: Any, change: dict[str, Any]) -> None:
    begun = program("begun")
    with pytest.raises(Killed):
        begun.run(at=4)
    begun.plans = [replace(plan, **change) for plan in begun.plans]
    with pytest.raises(TrainingError, match=f"another fit: .*{next(iter(change))}.* differ"):
        begun.run()
