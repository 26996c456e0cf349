"""What the recorder gives back, and when."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from steadfit import DataError


def test_before_anything_ran_there_is_nothing_to_draw(clas: Any) -> None:
    recorder = clas().recorder
    assert recorder.lrs == recorder.losses == recorder.moms == recorder.val_losses == []
    with pytest.raises(DataError, match="call learn"):
        recorder.plot()
    for plot in (recorder.plot_losses, recorder.plot_lr):
        with pytest.raises(DataError, match="fit_one_cycle"):
            plot()


def test_rates_and_losses_are_those_of_what_ran_last(clas: Any) -> None:
    learn = clas()
    test = learn.lr_find(num_it=20, stop_div=False)
    assert learn.recorder.lrs == test.lrs
    assert learn.recorder.losses == test.losses
    learn.fit_one_cycle(2, 1e-3)
    steps = learn.recorder.history.steps
    assert learn.recorder.lrs == [step.lr for step in steps]
    assert learn.recorder.losses == [step.smoothed for step in steps]
    assert learn.recorder.moms == [step.momentum for step in steps]
    assert isinstance(learn.recorder.plot(), Figure)  # the range test is still there
    again = learn.lr_find(num_it=20, stop_div=False)
    assert learn.recorder.lrs == again.lrs


def test_validation_losses_and_metrics_come_by_epoch(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(2, 1e-3)
    epochs = learn.recorder.history.epochs
    assert learn.recorder.val_losses == [epoch.valid_loss for epoch in epochs]
    assert learn.recorder.metrics == [[epoch.metrics["accuracy"]] for epoch in epochs]


def test_the_range_test_is_drawn_without_its_ends(clas: Any) -> None:
    learn = clas()
    test = learn.lr_find(num_it=60, stop_div=False)
    (axes,) = learn.recorder.plot(skip_start=5, skip_end=15, suggestion=False).axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == test.lrs[5:-15]
    assert line.get_ydata().tolist() == test.losses[5:-15]
    marked = len(learn.recorder.plot(5, 15).axes[0].lines) > 1
    assert marked == (test.suggestion is not None)


def test_the_rates_of_all_fits_are_drawn(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(1, 1e-3)
    learn.fit(1, 1e-4)
    rates, momenta = learn.recorder.plot_lr().axes
    assert rates.lines[0].get_ydata().tolist() == learn.recorder.lrs
    assert momenta.lines[0].get_ydata().tolist() == learn.recorder.moms
    assert isinstance(learn.recorder.plot_losses(), Figure)
