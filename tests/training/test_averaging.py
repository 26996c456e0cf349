"""A fit that ends with the mean of its weights, against the mean of all that were noted down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from steadfit.core.errors import DataError, TrainingError
from steadfit.training.averaging import AverageWeights
from steadfit.training.engine import fit
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.optimizer import freeze_to
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan
from tests.training.programs import Killed, Trap

EPOCHS, STEPS = 3, 9  # three batches an epoch


class Noted(Callback):
    """Notes the weights down after every step."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []

    def on_step_end(self, run: Any) -> None:
        self.weights.append(weights_of(run.model))


class Stop(Callback):
    def on_epoch_end(self, run: Any) -> None:
        run.stop("one epoch is enough")


def weights_of(model: Any) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def trained(
    objective: Any, batches: Any, *callbacks: Callback, folder: Path | None = None
) -> tuple[dict[str, Tensor], History]:
    history = History()
    stages = None if folder is None else Stages(folder, 2)
    fit(objective, batches, None, FitPlan(EPOCHS, 1e-2), history, callbacks, stages=stages)
    return weights_of(objective.model), history


class Freeze(Callback):
    def on_epoch_end(self, run: Any) -> None:
        freeze_to(run.model.layer_groups(), -1)


def test_layers_that_are_frozen_on_the_way_get_their_mean_too(
    classifier: Any, buckets: Any
) -> None:
    noted = Noted()
    found, _ = trained(classifier(drop_mult=1.0), buckets, noted, AverageWeights(1.0), Freeze())
    name = "encoder.embedding.weight"
    steps = STEPS // EPOCHS
    mean = torch.stack([weights[name] for weights in noted.weights[:steps]]).mean(dim=0)
    torch.testing.assert_close(found[name], mean)


@pytest.mark.parametrize(("share", "steps"), [(0.5, 5), (1.0, 9), (0.1, 1), (1 / 3, 3)])
def test_a_fit_ends_with_the_mean_over_its_last_steps(
    share: float, steps: int, classifier: Any, buckets: Any
) -> None:
    noted, averaging = Noted(), AverageWeights(share)
    found, _ = trained(classifier(drop_mult=1.0), buckets, noted, averaging)
    assert len(noted.weights) == STEPS
    last = noted.weights[-steps:]
    for name, value in found.items():
        if "running_" in name or "num_batches" in name:
            assert torch.equal(value, last[-1][name]), name
        else:
            mean = torch.stack([one[name].double() for one in last]).mean(dim=0)
            torch.testing.assert_close(value.double(), mean, rtol=1e-5, atol=1e-7, msg=name)
    assert averaging.tensors() == {}  # nothing is held after the fit


def test_averaging_changes_no_step(classifier: Any, buckets: Any) -> None:
    histories = [
        trained(classifier(drop_mult=1.0), buckets, *callbacks)[1]
        for callbacks in ([], [AverageWeights()])
    ]
    assert histories[0].steps == histories[1].steps


def test_frozen_weights_stay_to_the_bit(classifier: Any, buckets: Any) -> None:
    objective = classifier()
    freeze_to(objective.model.layer_groups(), -1)
    before = weights_of(objective.model)
    frozen = [name for name, p in objective.model.named_parameters() if not p.requires_grad]
    after, _ = trained(objective, buckets, AverageWeights())
    assert frozen
    assert all(torch.equal(before[name], after[name]) for name in frozen)


def test_a_fit_stopped_before_averaging_began_keeps_its_weights(
    classifier: Any, buckets: Any
) -> None:
    noted = Noted()
    found, history = trained(classifier(), buckets, noted, Stop(), AverageWeights())
    assert len(history.epochs) == 1
    assert all(torch.equal(value, noted.weights[-1][name]) for name, value in found.items())


def test_stopped_anywhere_it_still_ends_with_the_same_mean(
    classifier: Any, buckets: Any, tmp_path: Path
) -> None:
    def run(name: str, at: int | None = None) -> tuple[dict[str, Tensor], Trap]:
        trap = Trap(at)
        found, _ = trained(
            classifier(drop_mult=1.0), buckets, AverageWeights(), trap, folder=tmp_path / name
        )
        return found, trap

    wanted, trap = run("whole")
    for at in range(trap.count):
        with pytest.raises(Killed):
            run(str(at), at)
        found, _ = run(str(at))
        assert all(torch.equal(found[name], value) for name, value in wanted.items()), at
    again, _ = run("whole")  # a finished fit is not run again
    assert all(torch.equal(again[name], value) for name, value in wanted.items())


def test_a_fit_does_not_go_on_with_another_share(
    classifier: Any, buckets: Any, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        trained(classifier(), buckets, AverageWeights(), Trap(6), folder=tmp_path)
    with pytest.raises(TrainingError, match="another fit: callbacks differ"):
        trained(classifier(), buckets, AverageWeights(0.25), Trap(), folder=tmp_path)


@pytest.mark.parametrize("share", [0, 1.5, -1, "half"])
def test_a_share_that_is_none_is_refused(share: Any) -> None:
    with pytest.raises(DataError, match="share is"):
        AverageWeights(share)
