"""Sides are processes that work in turn, when they are told to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks._environments import peer_python
from benchmarks._harness import Asked, Measured, Options, Report, measure
from benchmarks._sides import Side, SideError, Worker, ours

ONE = Options(threads=1)


def fake(task: str, name: str = "fake", **settings: object) -> Side:
    return Side(name, f"tests.benchmarks.fake_sides:{task}", settings)


def test_sides_take_turns_and_a_speed_is_work_by_seconds(tmp_path: Path):
    diary = tmp_path / "diary"
    sides = [
        fake("counting", name, who=name, seconds=seconds, diary=str(diary))
        for name, seconds in (("a", 2.0), ("b", 4.0))
    ]
    found = measure([sides[0], None, sides[1]], ONE, unit="x/s", rounds=2, warm_up=1, pieces=3)
    assert diary.read_text().split("\n") == ["a 0", "b 0", "a 1", "b 1", "a 2", "b 2", ""]
    assert found["a"].speeds == [9.0, 9.0]
    assert found["b"].speeds == [4.5, 4.5]
    assert [report["turn"] for report in found["b"].reports] == [1, 2]
    assert found["a"].versions["python"]
    assert found["a"].peak_mb is None or 1 < found["a"].peak_mb < 1000


def test_a_fresh_side_is_started_for_every_round(tmp_path: Path):
    side = fake("counting", who="a", seconds=1, diary=str(tmp_path / "diary"))
    found = measure([side], ONE, unit="x/s", rounds=2, warm_up=0, fresh=True)
    assert [report["turn"] for report in found["fake"].reports] == [0, 0]


def test_a_loop_of_somebody_else_stops_after_as_many_steps_as_were_ordered():
    with Worker(fake("looping"), 1) as worker:
        worker.prepare()
        assert worker.go(pieces=3)["work"] == 30
        assert worker.go()["work"] == 10


def test_what_a_library_prints_is_no_report():
    with Worker(fake("chatting"), 1) as worker:
        worker.prepare()
        assert worker.go()["threads"] == "1"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system pins no processes")
def test_threads_are_pinned_and_only_ours_waits_as_ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    task = "tests.benchmarks.fake_sides:surroundings"
    us = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
    for side, waiting in ((ours("us", task), us), (Side("peer", task), {})):
        with Worker(side, 1) as worker:
            worker.prepare()
            report = worker.go()
        assert (report["waiting"], report["processors"]) == (waiting, 1)


def test_a_failure_is_told_in_the_sides_own_words():
    with pytest.raises(SideError, match="the dataset is empty"):
        measure([fake("failing")], ONE, unit="x/s", rounds=1)


def test_a_death_is_told_with_its_status_and_last_words():
    with pytest.raises(SideError, match=r"(?s)status 9.*says the system"):
        measure([fake("dying")], ONE, unit="x/s", rounds=1)


def test_a_missing_environment_is_one_line_and_not_a_stored_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("benchmarks._environments.ROOT", tmp_path)
    monkeypatch.delenv("STEADFIT_PEER_PYTHON", raising=False)
    assert peer_python("fastai", build=False) is None
    assert capsys.readouterr().out == "peer fastai is not measured: run make peers\n"
    report = Report()
    report.compare("ratio", Measured("us", "x/s", [1.0]), None, Asked(least=2.0))
    assert report.figures == {}


def test_an_environment_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEADFIT_TRANSFORMERS_PYTHON", "/opt/python")
    assert peer_python("transformers", build=False) == "/opt/python"


def test_a_ratio_is_the_median_of_the_ratios_of_rounds():
    report = Report()
    us, peer = Measured("us", "x/s", [10.0, 30.0, 90.0]), Measured("p", "x/s", [10.0, 10.0, 10.0])
    report.compare("ratio", us, peer)
    assert report.figures == {"ratio": 3.0}
    assert report.ratios["ratio"]["rounds"] == [1.0, 3.0, 9.0]
