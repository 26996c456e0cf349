"""A fit that was stopped anywhere and run again is the fit that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, SteadfitError
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.run import Run
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan
from tests.training.programs import ALL, Killed, Program, Trap

pytestmark = pytest.mark.usefixtures("no_warning")

CASES = {
    "language model": ("language_model", "stream", None, {}),
    "micro-batches": ("language_model", "stream", None, {"accumulate": 3}),
    "classifier": ("classifier", "buckets", "held_out", {"clip": 0.5}),
    "bf16": ("classifier", "buckets", "held_out", {"bf16": True}),
}


@pytest.fixture(params=CASES)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a maker of programs of two fits; early stopping ends each after three epochs."""
    make, batches, valid, settings = CASES[request.param]

    def build(name: str, every: int = 2) -> Program:
        plans = [FitPlan(4, 1e-2, **settings), FitPlan(4, slice(1e-3, 1e-2), **settings)]
        folder = tmp_path / name
        folder.mkdir()
        values = [request.getfixturevalue(one) for one in (make, batches)]
        return Program(
            folder, *values, request.getfixturevalue(valid) if valid else None, plans, every
        )

    return build


def test_stopped_at_any_moment_and_run_again_is_never_stopped(program: Any) -> None:
    undisturbed = program("undisturbed")
    wanted = undisturbed.run()
    assert len(wanted["epochs"]) == 6  # early stopping had its say in both fits
    disturbed = program("disturbed")
    for at in range(0, undisturbed.moments, 5):
        # The count begins anew in each process, so this dies ever later in what is left.
        try:
            disturbed.run(at=at % 13)
        except Killed:
            continue
        break
    assert disturbed.run() == wanted


@pytest.mark.parametrize("every", [1, 1000])
def test_at_every_single_moment(every: int, simple: Program, tmp_path: Path) -> None:
    parts = (simple.make, simple.batches, simple.valid, simple.plans, every)
    wanted = simple.run()
    for at in range(simple.moments):
        folder = tmp_path / str(at)
        folder.mkdir()
        disturbed = Program(folder, *parts)
        with pytest.raises(Killed):
            disturbed.run(at)
        assert disturbed.run() == wanted, at


def test_with_stages_or_without_the_weights_are_the_same(simple: Program) -> None:
    wanted = simple.run(stages=None)
    for name in ("log.csv", "log.jsonl"):
        (simple.folder / name).unlink()
    assert simple.run() == wanted


def test_finished_fits_are_not_run_again(
    simple: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = simple.run()
    monkeypatch.setattr(simple.batches, "epoch", None)  # nobody may ask
    before = (simple.folder / "log.jsonl").read_bytes()
    assert simple.run() == wanted
    assert simple.moments == 0
    assert (simple.folder / "log.jsonl").read_bytes() == before
    assert [line.split(" was")[0] for line in capsys.readouterr().out.splitlines()] == [
        "Fit 1", "Fit 2",
    ]  # fmt: skip


def test_a_fit_that_follows_a_resumed_one_does_not_cut_its_log(simple: Program) -> None:
    simple.plans = [FitPlan(1, 1e-2)] * 3
    wanted = simple.run()
    (other := simple.folder / "other").mkdir()
    parts = (simple.make, simple.batches, simple.valid, simple.plans)
    disturbed = Program(other, *parts)
    with pytest.raises(Killed):
        disturbed.run(at=simple.moments // 3 + 3)  # in the second fit; the first one is skipped
    assert disturbed.run() == wanted


def test_what_a_killed_writer_left_of_a_fit_file_is_swept_away(simple: Program) -> None:
    simple.run()
    leftover = simple.checkpoints / "stage-0000" / ".fit.json.0123456789ab.part"
    leftover.write_text("{")
    simple.run()
    assert not leftover.exists()


def test_only_the_last_checkpoints_stay(simple: Program) -> None:
    with pytest.raises(Killed):
        simple.run(at=4)
    assert len(simple.newest()) <= 2
    simple.run()
    assert [len(simple.newest(stage)) for stage in (0, 1)] == [1, 1]
    assert {path.name for path in simple.newest()[0].parent.iterdir()} == {
        "fit.json", simple.newest()[0].name,
    }  # fmt: skip


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    simple: Program, tmp_path: Path
) -> None:
    wanted = simple.run()
    (tmp_path / "other").mkdir()
    other = Program(
        tmp_path / "other", simple.make, simple.batches, simple.valid, simple.plans, every=1
    )
    with pytest.raises(Killed):
        other.run(at=6)
    newest, before = other.newest()
    (newest / "values.json").unlink()
    with pytest.warns(UserWarning, match="the one before is used"):
        assert other.run() == wanted
    assert before.name < newest.name


def test_where_all_checkpoints_are_damaged_the_fit_starts_over_with_clean_logs(
    simple: Program, tmp_path: Path
) -> None:
    wanted = simple.run()
    (tmp_path / "other").mkdir()
    other = Program(
        tmp_path / "other", simple.make, simple.batches, simple.valid, simple.plans, every=1
    )
    with pytest.raises(Killed):
        other.run(at=simple.moments - 2)  # in the second fit
    for path in other.newest(stage=1):
        (path / "tensors.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged|twice") as told:
        assert other.run() == wanted
    assert "starts from its beginning" in str(told[-1].message)


def test_a_damaged_finished_fit_is_run_again_without_losing_later_lines(simple: Program) -> None:
    wanted = simple.run()
    (simple.newest()[0] / "values.json").write_text("", "utf-8")
    with pytest.warns(UserWarning, match="is damaged|twice") as told:
        again = simple.run()
    assert "stand in them twice" in str(told[-1].message)
    assert again["weights"] == wanted["weights"]
    assert again["steps"] == wanted["steps"]
    ours, rest = again["jsonl"][: len(wanted["jsonl"])], again["jsonl"][len(wanted["jsonl"]) :]
    assert ours == wanted["jsonl"]
    assert rest == wanted["jsonl"][: len(wanted["jsonl"]) // 2]


def test_a_folder_that_cannot_be_written_is_named(simple: Program) -> None:
    simple.checkpoints.write_text("a file stands here", "utf-8")
    with pytest.raises(SteadfitError, match=r"checkpoints.* could not be written|cannot be writte"):
        simple.run()


def test_what_callbacks_draw_or_change_as_a_fit_begins_does_not_disturb_a_resumed_one(
    simple: Program,
) -> None:
    class Meddler(Callback):
        def on_fit_begin(self, run: Run) -> None:
            torch.rand(3)
            with torch.no_grad():
                next(run.model.parameters()).mul_(0.5)

    def run(name: str, at: int | None = None) -> Any:
        objective = simple.make(ALL, drop_mult=1.0)
        plan, stages = FitPlan(2, 1e-2), Stages(simple.folder / name, every=1)
        callbacks = [Meddler(), Trap(at)]
        fit(objective, simple.batches, None, plan, History(), callbacks, stages=stages)
        return [value.tolist() for value in objective.state_dict().values()]

    wanted = run("undisturbed")
    with pytest.raises(Killed):
        run("disturbed", at=4)
    assert run("disturbed") == wanted


@pytest.mark.parametrize("settings", [{"every": 0}, {"every": 2.5}, {"keep": 0}, {"keep": True}])
def test_counts_that_are_none_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="accepted is a whole number from 1"):
        Stages(tmp_path, **settings)
