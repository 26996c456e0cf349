"""Windows of drawn lengths in a fit: the rate of each step, the number of all."""

from __future__ import annotations

from typing import Any

import pytest

from steadfit.training.engine import fit
from steadfit.training.history import History
from steadfit.training.lr_finder import find_lr
from steadfit.training.run import Run
from steadfit.training.schedules import one_cycle
from steadfit.training.state import FitPlan
from steadfit.training.window_lengths import batches_of, rate_share


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "asgd"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_steps_rate_goes_by_the_length_of_its_windows(
    language_model: Any, drawn: Any, optimizer: str, accumulate: int
) -> None:
    history = History()
    plan = FitPlan(2, 0.5, optimizer=optimizer, accumulate=accumulate, first_epoch=1)
    run = fit(language_model(), drawn, None, plan, history)
    wanted = []
    for epoch in (1, 2):
        lengths = [batch.inputs.shape[1] for batch in drawn.epoch(epoch)]
        groups = [lengths[i : i + accumulate] for i in range(0, len(lengths), accumulate)]
        wanted += [sum(group) / len(group) / drawn.bptt for group in groups]
    assert len(wanted) == run.steps == run.state.step
    rates = [0.5 * one_cycle(step, len(wanted), (0.8, 0.7)).rate for step in range(len(wanted))]
    found = [step.lr for step in history.steps]
    assert found == pytest.approx([a * b for a, b in zip(rates, wanted, strict=True)])


def test_windows_of_one_length_leave_the_rate_alone_even_the_short_last_one(
    language_model: Any, stream: Any
) -> None:
    *_, last = stream.epoch(0)
    assert last.inputs.shape[1] < stream.bptt
    assert rate_share(stream, language_model().sizes(last)) == 1.0


def test_an_epochs_batches_are_counted_before_it_begins(
    language_model: Any, drawn: Any, stream: Any, buckets: Any
) -> None:
    for epoch in range(4):
        for batches in (drawn, stream, buckets):
            assert batches_of(batches, epoch) == len(list(batches.epoch(epoch)))
    plan = FitPlan(2, 0.5, accumulate=2, first_epoch=3)
    run = Run(language_model(), drawn, None, plan, History(), ())
    assert run.batches == drawn.length(3)
    run.state.epoch = 1
    assert run.batches == drawn.length(4)
    assert run.steps == sum(-(-drawn.length(epoch) // 2) for epoch in (3, 4))


@pytest.mark.parametrize("optimizer", ["sgd", "nt-asgd"])
def test_the_range_test_runs_with_the_optimizer_of_the_fit(
    language_model: Any, drawn: Any, optimizer: str
) -> None:
    objective = language_model()
    sgd, adam = (
        find_lr(objective, drawn, FitPlan(1, 1.0, optimizer=name), 1e-3, 1.0, 12, False).losses
        for name in (optimizer, "adamw")
    )
    assert sgd[0] == adam[0]
    assert sgd[-1] != adam[-1]
