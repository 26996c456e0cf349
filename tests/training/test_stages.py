"""A fit that was stopped anywhere and run again is the fit that was never stopped."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, SteadfitError, TrainingError
from steadfit.training.callbacks import BestModel, EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.events import MOMENTS, Callback
from steadfit.training.history import History
from steadfit.training.logs import CSVLog, JSONLinesLog
from steadfit.training.metrics import Metric, accuracy
from steadfit.training.optimizer import freeze_to
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


@pytest.fixture
def simple(tmp_path: Path, classifier: Any, buckets: Any, held_out: Any) -> Program:
    return Program(tmp_path, classifier, buckets, held_out, [FitPlan(2, 1e-2)] * 2)


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


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


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"fit": 1}'])
def test_a_damaged_fit_file_is_refused_with_the_folder_to_remove(
    content: str, simple: Program
) -> None:
    simple.run()
    (simple.checkpoints / "stage-0000" / "fit.json").write_text(content, "utf-8")
    with pytest.raises(TrainingError, match=r"fit\.json is damaged.*Remove .*stage-0000"):
        simple.run()


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


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Listen to SIGINT, which a shell lets its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_the_step_and_says_how_to_go_on(
    simple: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = simple.run()
    (tmp_path / "other").mkdir()
    parts = (simple.make, simple.batches, simple.valid, simple.plans)
    other = Program(tmp_path / "other", *parts, every=1000)
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        other.run(at=3, action=interrupt)  # in the second step
    said = capsys.readouterr().out
    assert "Run the same program again, and fit 1 goes on after step 2 of 6" in said
    values = json.loads((other.newest()[0] / "values.json").read_text("utf-8"))["values"]
    assert values["place"]["step"] == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert other.run() == wanted


def test_a_second_interrupt_does_not_wait(simple: Program) -> None:
    def twice() -> None:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        raise Killed

    with pytest.raises(Killed):
        simple.run(at=3, action=twice)


def test_validation_is_broken_off_at_once(simple: Program) -> None:
    def impatient(_: Any) -> float:
        interrupt()
        raise AssertionError("the interrupt waited")

    with pytest.raises(KeyboardInterrupt):
        simple.run(metrics=[Metric("impatient", impatient)])
    values = json.loads((simple.newest()[0] / "values.json").read_text("utf-8"))["values"]
    assert values["place"]["step"] == len(simple.batches)


def test_where_interrupts_are_ignored_they_stay_so(simple: Program) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        simple.run(at=3, action=interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("settings", [{"every": 0}, {"every": 2.5}, {"keep": 0}, {"keep": True}])
def test_counts_that_are_none_are_refused(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="accepted is a whole number from 1"):
        Stages(tmp_path, **settings)


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
