"""What lives in a fit is taken down whole and put back to the bit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from steadfit.training.callbacks import EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.penalty_terms import Penalties
from steadfit.training.run import Run
from steadfit.training.snapshot import callbacks_state, restore, restore_callbacks, snapshot
from steadfit.training.state import FitPlan

ALL = Penalties(2.0, 1.0, 50.0)


class Photographer(Callback):
    """Takes a snapshot after some step, by way of the disk."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.step = folder, step
        self.rng = torch.tensor(())

    def on_step_end(self, run: Run) -> None:
        if run.state.step == self.step:
            self.rng = run.generator.get_state()
            write_checkpoint(self.folder, 0, *snapshot(run, [self]), keep=1)
            run.stop("the picture is taken")


def fresh(case: tuple[Any, Any], plan: FitPlan, seed: int = 0) -> Run:
    make, batches = case
    return Run(make(ALL, drop_mult=1.0, seed=seed), batches, None, plan, History(), ())


@pytest.fixture
def taken(case: tuple[Any, Any], tmp_path: Path) -> tuple[Any, Checkpoint, torch.Tensor]:
    """Return a run that ended with the epoch, and its checkpoint of the epoch's last step."""
    make, batches = case
    camera = Photographer(tmp_path, len(batches))
    objective = make(ALL, drop_mult=1.0)
    run = fit(objective, batches, None, FitPlan(3, 1e-2), History(), [camera])
    return run, read_checkpoint(tmp_path / "checkpoint-00000000"), camera.rng


def test_everything_that_lives_comes_back(case: tuple[Any, Any], taken: Any) -> None:
    run, checkpoint, rng = taken
    other = fresh(case, FitPlan(3, 1e-2), seed=9)
    restore(other, checkpoint)
    assert torch.equal(other.generator.get_state(), rng)
    for name, value in run.model.state_dict().items():
        assert torch.equal(other.model.state_dict()[name], value), name
    mine, theirs = (one.optimizer.state_dict()["state"] for one in (run, other))
    assert mine.keys() == theirs.keys()
    assert len(mine) > 0
    for number, moments in mine.items():
        assert moments.keys() == theirs[number].keys() == {"step", "exp_avg", "exp_avg_sq"}
        for name, value in moments.items():
            assert torch.equal(torch.as_tensor(theirs[number][name]), torch.as_tensor(value))
    assert other.state.step == len(run.train)
    assert other.state.batch == len(run.train)
    assert other.state.smoothed == run.state.smoothed
    assert other.history.steps == run.history.steps
    assert (other.state.recurrent is None) == (run.state.recurrent is None)
    for mine, theirs in zip(run.state.recurrent or (), other.state.recurrent or (), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_a_checkpoint_that_holds_its_steps_as_json_is_read_too(
    case: tuple[Any, Any], taken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, (tensors, values), _ = taken
    tensors = {name: one for name, one in tensors.items() if not name.startswith("history.")}
    epochs = values.pop("epochs")
    values["history"] = {"steps": [asdict(one) for one in run.history.steps], "epochs": epochs}
    monkeypatch.setattr("steadfit.files.checkpoint.FORMAT_VERSION", 2)
    write_checkpoint(tmp_path, 1, tensors, values, keep=1)
    other = fresh(case, FitPlan(3, 1e-2))
    restore(other, read_checkpoint(tmp_path / "checkpoint-00000001"))
    assert other.history.steps == run.history.steps
    assert len(other.history.steps) == len(run.train)


def test_a_language_models_recurrent_state_is_among_it(language_model: Any, stream: Any) -> None:
    run = fit(language_model(), stream, None, FitPlan(1, 1e-2), History())
    assert run.state.recurrent is not None
    assert sum(name.startswith("recurrent.") for name in snapshot(run, []).tensors) == 4


def test_weights_to_take_back_are_kept_while_steps_are_left(case: tuple[Any, Any]) -> None:
    make, batches = case
    objective = make(ALL, drop_mult=1.0)
    before: list[dict[str, torch.Tensor]] = []
    kept: list[dict[str, torch.Tensor]] = []

    class Look(Callback):
        def on_fit_begin(self, run: Run) -> None:
            before.append({k: v.clone() for k, v in objective.state_dict().items()})

        def on_step_end(self, run: Run) -> None:
            tensors = snapshot(run, []).tensors
            kept.append({k: v.clone() for k, v in tensors.items() if k.startswith("good.")})
            self.on_fit_begin(run)

    run = fit(objective, batches, None, FitPlan(1, 1e-3), History(), [Look()])
    assert len(kept) == len(batches)
    assert kept[-1] == {}, "no step follows the last one"
    assert not any(name.startswith("good.") for name in snapshot(run, []).tensors)
    names = {id(value): name for name, value in objective.named_parameters()}
    order = [names[id(p)] for group in run.optimizer.param_groups for p in group["params"]]
    order += [name for name, _ in objective.named_buffers()]
    for step, tensors in enumerate(kept[:-1]):
        assert int(tensors["good.step"]) == step + 1
        assert len(tensors) == 1 + len(order)
        for place, name in enumerate(order):
            assert torch.equal(tensors[f"good.{place}"], before[step][name]), name


def test_a_generator_of_another_kind_of_device_gives_way_to_masks_not_yet_drawn(
    case: tuple[Any, Any], taken: Any
) -> None:
    _, checkpoint, _ = taken
    checkpoint.tensors["rng"] = torch.zeros(16, dtype=torch.uint8)  # as long as a CUDA one's
    one, other = (fresh(case, FitPlan(3, 1e-2)) for _ in range(2))
    begun = one.generator.get_state()
    restore(one, checkpoint)
    restore(other, checkpoint)
    assert torch.equal(one.generator.get_state(), other.generator.get_state())
    assert not torch.equal(one.generator.get_state(), begun)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rng", torch.zeros(5056)),
        ("good.0", torch.zeros(3, 3)),
        ("good.step", torch.zeros(2, dtype=torch.int64)),
    ],
)
def test_tensors_of_another_kind_are_refused(
    case: tuple[Any, Any], tmp_path: Path, name: str, value: torch.Tensor
) -> None:
    make, batches = case
    objective = make(ALL, drop_mult=1.0)
    fit(objective, batches, None, FitPlan(3, 1e-2), History(), [Photographer(tmp_path, 1)])
    checkpoint = read_checkpoint(tmp_path / "checkpoint-00000000")
    assert name in checkpoint.tensors
    checkpoint.tensors[name] = value
    with pytest.raises(FileFormatError, match="does not fit this model or this version"):
        restore(fresh(case, FitPlan(3, 1e-2)), checkpoint)


def test_tensors_lie_in_memory_as_torch_lays_them(case: tuple[Any, Any], taken: Any) -> None:
    _, checkpoint, _ = taken
    other = fresh(case, FitPlan(3, 1e-2))
    restore(other, checkpoint)
    kept = [value for moments in other.optimizer.state.values() for value in moments.values()]
    kept += [value for layer in other.state.recurrent or () for value in layer]
    kept += [value for name, value in other.good.state_dict().items() if name != "step"]
    assert all(value.data_ptr() % 64 == 0 for value in kept)


def test_a_checkpoint_of_another_shape_is_refused_and_changes_nothing(
    classifier: Any, buckets: Any, tmp_path: Path
) -> None:
    two, three = classifier(), classifier(classes=3)
    write_checkpoint(
        tmp_path, 0, *snapshot(fit(three, buckets, None, FitPlan(1, 1e-2), History()), []), keep=1
    )
    run = Run(two, buckets, None, FitPlan(1, 1e-2), History(), ())
    before = {name: value.clone() for name, value in two.state_dict().items()}
    with pytest.raises(FileFormatError, match=r"head.* has the shape \(3"):
        restore(run, read_checkpoint(tmp_path / "checkpoint-00000000"))
    assert all(torch.equal(value, before[name]) for name, value in two.state_dict().items())


@pytest.mark.parametrize(
    ("name", "value"), [("step", "7"), ("finished", 1), ("seconds", None), ("stop_reason", 5)]
)
def test_a_place_of_another_kind_is_refused(
    case: tuple[Any, Any], taken: Any, name: str, value: Any
) -> None:
    _, checkpoint, _ = taken
    checkpoint.values["place"][name] = value
    with pytest.raises(FileFormatError, match=name):
        restore(fresh(case, FitPlan(3, 1e-2)), checkpoint)


def test_tensors_of_callbacks_come_back_even_where_they_share_memory(
    case: tuple[Any, Any], tmp_path: Path
) -> None:
    class Keeper(Callback):
        def __init__(self, kept: dict[str, torch.Tensor]) -> None:
            self.kept = kept

        def tensors(self) -> dict[str, torch.Tensor]:
            return self.kept

        def load_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
            self.kept = tensors

    run = fresh(case, FitPlan(3, 1e-2))
    one = torch.arange(3.0)
    weight = next(run.model.parameters()).detach()
    keepers = [Keeper({"best": one, "last": one}), Keeper({"weight": weight})]
    write_checkpoint(tmp_path, 0, *snapshot(run, keepers), keep=1)
    read = read_checkpoint(tmp_path / "checkpoint-00000000")
    others = [Keeper({}), Keeper({})]
    restore_callbacks(others, read.values["callbacks"], read.tensors)
    for before, after in zip(keepers, others, strict=True):
        assert after.kept.keys() == before.kept.keys()
        assert all(torch.equal(after.kept[name], value) for name, value in before.kept.items())
    restore(fresh(case, FitPlan(3, 1e-2), seed=1), read)


def test_callbacks_get_their_state_back_in_their_order() -> None:
    first, second = EarlyStopping(), EarlyStopping()
    first.best, first.waited, second.waited = 0.5, 1, 2
    saved = callbacks_state([first, second])
    others = EarlyStopping(), EarlyStopping()
    restore_callbacks(others, saved)
    assert [(one.best, one.waited) for one in others] == [(0.5, 1), (float("-inf"), 2)]
    with pytest.raises(FileFormatError, match="callbacks are not those"):
        restore_callbacks([EarlyStopping()], saved)
    with pytest.raises(FileFormatError, match="EarlyStopping instead of Callback"):
        restore_callbacks([EarlyStopping(), Callback()], saved)


def test_a_callbacks_state_that_json_cannot_hold_is_refused_by_name() -> None:
    class Hoarder(Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"seen": {1, 2}}

    with pytest.raises(DataError, match=r"Hoarder\.state_dict\(\)"):
        callbacks_state([Hoarder()])
