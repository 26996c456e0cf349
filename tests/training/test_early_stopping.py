"""Early stopping that ends with the best weights, whatever stopped or interrupted the fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, TrainingError
from steadfit.data.buckets import DocumentBatches
from steadfit.training.callbacks import EarlyStopping
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.metrics import Metric
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan
from tests.training.conftest import MakeClassifier
from tests.training.programs import Killed, Trap

SCRIPT = (1.0, 3.0, 2.0, 3.0, 0.0)  # the second epoch is the best, the fourth no better


class Script(Callback):
    """Gives each epoch its figure, also in a fit that is gone on with, and keeps its weights."""

    def __init__(self, values: tuple[float, ...]) -> None:
        self.values, self.weights, self.run = values, [], None

    def on_fit_begin(self, run: Any) -> None:
        self.run = run

    def on_epoch_end(self, run: Any) -> None:
        self.weights.append(weights_of(run.model))

    @property
    def metric(self) -> Metric:
        return Metric("score", lambda _: self.values[self.run.state.epoch])


def weights_of(model: Any) -> dict[str, Any]:
    return {name: value.tolist() for name, value in model.state_dict().items()}


def trained(
    make: MakeClassifier,
    batches: Any,
    stopping: EarlyStopping,
    values: tuple[float, ...] = SCRIPT,
    folder: Path | None = None,
    at: int | None = None,
    plan: FitPlan | None = None,
) -> tuple[dict[str, Any], History, Script, int]:
    objective, history, script, trap = make(drop_mult=1.0), History(), Script(values), Trap(at)
    plan = plan or FitPlan(5, 1e-2)
    stages = None if folder is None else Stages(folder, 2)
    callbacks = [script, stopping, trap]
    fit(objective, batches, batches, plan, history, callbacks, [script.metric], stages)
    return weights_of(objective.model), history, script, trap.count


@pytest.mark.parametrize(("patience", "epochs"), [(0, 3), (1, 4), (9, 5)])
def test_the_best_epochs_weights_come_back_however_the_fit_ends(
    patience: int, epochs: int, classifier: Any, buckets: Any
) -> None:
    stopping = EarlyStopping("score", patience, restore_best=True)
    weights, history, script, _ = trained(classifier, buckets, stopping)
    assert len(history.epochs) == epochs
    assert weights == script.weights[1] != script.weights[-1]
    assert stopping.tensors() == {}  # nothing is held after the fit


def test_without_restoring_the_last_weights_stay(classifier: Any, buckets: Any) -> None:
    weights, _, script, _ = trained(classifier, buckets, EarlyStopping("score", 1))
    assert weights == script.weights[-1] != script.weights[1]


def test_where_no_epoch_was_better_than_none_the_last_weights_stay(
    classifier: Any, buckets: Any
) -> None:
    stopping = EarlyStopping("score", 2, restore_best=True)
    weights, _, script, _ = trained(classifier, buckets, stopping, (math.nan,) * 5)
    assert weights == script.weights[-1]
    assert len(script.weights) == 3


def test_a_gain_below_min_delta_is_none(classifier: Any, buckets: Any) -> None:
    stopping = EarlyStopping("score", 3, min_delta=2.5, restore_best=True)
    weights, _, script, _ = trained(classifier, buckets, stopping)
    assert weights == script.weights[0]


def test_averaged_weights_come_back_as_they_were_validated(classifier: Any, buckets: Any) -> None:
    stopping = EarlyStopping("score", 9, restore_best=True)
    plan = FitPlan(5, 1e-2, "constant", optimizer="asgd")
    weights, _, script, _ = trained(classifier, buckets, stopping, plan=plan)
    assert weights == script.weights[1]


def test_restoring_draws_nothing_and_changes_no_step(classifier: Any, buckets: Any) -> None:
    before = torch.get_rng_state()
    runs = [
        trained(classifier, buckets, EarlyStopping("score", 1, restore_best=restore))
        for restore in (False, True)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert runs[0][1].steps == runs[1][1].steps
    assert runs[0][2].weights == runs[1][2].weights


def test_stopped_once_the_best_is_known_it_still_ends_with_it(
    classifier: Any, documents: Any, tmp_path: Path
) -> None:
    batches = DocumentBatches(documents, range(24), 24)  # one step an epoch

    def run(name: str, at: int | None = None) -> tuple[dict[str, Any], History, Script, int]:
        stopping = EarlyStopping("score", restore_best=True)
        return trained(classifier, batches, stopping, folder=tmp_path / name, at=at)

    wanted, history, _, moments = run("whole")
    assert moments == 11
    # As the best epoch ends, as the next begins, as that ends, and as the fit does.
    for at in (6, 7, 9, 10):
        with pytest.raises(Killed):
            run(str(at), at)
        found, again, *_ = run(str(at))
        assert found == wanted
        assert again.steps == history.steps
    assert run("whole")[0] == wanted  # a finished fit is not run again


def test_a_fit_does_not_go_on_with_another_end(
    classifier: Any, buckets: Any, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        trained(classifier, buckets, EarlyStopping("score", 1), folder=tmp_path, at=6)
    with pytest.raises(TrainingError, match="another fit: callbacks differ"):
        trained(classifier, buckets, EarlyStopping("score", 1, restore_best=True), folder=tmp_path)


def test_settings_name_restoring_only_where_it_is_wished_for() -> None:
    assert "restore_best" not in EarlyStopping().describe()
    assert EarlyStopping(restore_best=True).describe()["restore_best"] is True
    with pytest.raises(DataError, match="restore_best"):
        EarlyStopping(restore_best=1)  # type: ignore[arg-type]
