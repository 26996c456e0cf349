"""Ctrl-C in a fit that writes checkpoints."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steadfit.core.errors import TrainingError
from steadfit.training.metrics import Metric
from tests.training.programs import Killed, Program

pytestmark = pytest.mark.usefixtures("no_warning")


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Listen to SIGINT, which a shell lets its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def impatient(_: Any) -> float:
    interrupt()
    raise AssertionError("the interrupt waited")


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
    said = capsys.readouterr().err
    assert "Run the same program again, and fit 1 goes on after step 2 of 6" in said
    values = json.loads((other.newest()[0] / "values.json").read_text("utf-8"))["values"]
    assert values["place"]["step"] == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert other.run() == wanted


def test_the_first_step_of_an_epoch_is_waited_for_too(simple: Program) -> None:
    steps = len(simple.batches)
    for epoch in range(2):
        first = 2 + epoch * (steps + 2)  # behind the beginnings of fit and epoch
        with pytest.raises(KeyboardInterrupt):
            simple.run(at=first, action=interrupt)
        values = json.loads((simple.newest()[0] / "values.json").read_text("utf-8"))["values"]
        assert values["place"]["step"] == epoch * steps + 1
        shutil.rmtree(simple.checkpoints)


def test_a_second_interrupt_does_not_wait(simple: Program) -> None:
    def twice() -> None:
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        raise Killed

    with pytest.raises(Killed):
        simple.run(at=3, action=twice)


def test_validation_is_broken_off_at_once(simple: Program) -> None:
    with pytest.raises(KeyboardInterrupt):
        simple.run(metrics=[Metric("impatient", impatient)])
    values = json.loads((simple.newest()[0] / "values.json").read_text("utf-8"))["values"]
    assert values["place"]["step"] == len(simple.batches)


def test_so_is_that_of_an_epoch_whose_steps_were_made_before_a_stop(simple: Program) -> None:
    for _ in range(2):  # the second time no step comes before it
        with pytest.raises(KeyboardInterrupt):
            simple.run(metrics=[Metric("impatient", impatient)])


def test_a_fit_that_no_longer_finds_its_best_weights_says_so_before_it_trains(
    simple: Program,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        simple.run(at=3 + len(simple.batches) + 3, action=interrupt)  # in the second epoch
    best = simple.folder / "best.safetensors"
    kept = best.read_bytes()
    best.unlink()
    with pytest.raises(TrainingError, match="the weights of the best epoch so far, is gone"):
        simple.run()
    best.write_bytes(kept)
    assert len(simple.run()["epochs"]) == 4


def test_where_interrupts_are_ignored_they_stay_so(simple: Program) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        simple.run(at=3, action=interrupt)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
