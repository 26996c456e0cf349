"""The command line and the files it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import _results, scale
from benchmarks._harness import Asked, Measured, Options, Report
from benchmarks.floor import products


def a_report(options: Options | None = None) -> Report:
    report = Report(conditions={"rows": 48})
    us, peer = Measured("us", "x/s", [4.0, 5.0], peak_mb=10.0), Measured("p", "x/s", [2.0, 2.0])
    report.add_sides({"us": us, "p": peer})
    report.compare("ratio", us, peer, Asked(least=2.0, stretch=3.0))
    report.compare("other", us, None, Asked(most=1.0))
    return report


def test_an_unknown_benchmark_is_answered_by_the_list(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        command.main(["lm-stap"])
    told = capsys.readouterr().err
    for name in ("lm-step", "clf-step", "predict", "latency", "tokenize", "penalties", "scale"):
        assert name in told
    for name in ("long-document", "floor", "kill-storm", "prepare", "bf16", "engines", "all"):
        assert name in told


def test_a_result_says_what_was_measured_how_and_on_what(tmp_path: Path):
    content = _results.result("lm-step", a_report(), Options(threads=3, quick=True))
    read = json.loads(_results.write(content, tmp_path).read_text())
    assert read["command"] == "python -m benchmarks lm-step --quick --threads 3"
    assert read["figures"] == {"ratio": 2.25}
    assert read["asked"] == {"ratio": ">= 2 (stretch 3)", "other": "<= 1"}
    assert read["reached"] == {"ratio": True, "other": None}
    assert read["ratios"]["ratio"]["rounds"] == [2.0, 2.5]
    assert read["sides"]["us"]["peak_mb"] == 10.0
    assert {"commit", "conditions", "made_on"} <= read.keys()
    assert {"torch_threads", "processor", "cores", "instructions"} <= read["made_on"][
        "hardware"
    ].keys()
    assert "torch" in read["made_on"]["versions"]
    assert [path.name for path in tmp_path.iterdir()] == ["lm-step.json"]


def test_a_quick_run_writes_only_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kept = tmp_path / "kept"
    monkeypatch.setattr(command, "RESULTS", kept)
    monkeypatch.setattr(scale, "run", a_report)
    command.main(["scale", "--quick"])
    assert not kept.exists()
    command.main(["scale", "--quick", "--out", str(tmp_path / "out")])
    assert (tmp_path / "out" / "scale.json").exists()
    capsys.readouterr()
    command.main(["scale", "--json"])
    assert (kept / "scale.json").exists()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ratio"] == 2.25


def test_a_table_has_a_line_for_everything_that_is_asked(tmp_path: Path):
    _results.write(_results.result("lm-step", a_report(), Options()), tmp_path)
    lines = _results.table(tmp_path).splitlines()
    assert lines[2:] == [
        "| lm-step | `ratio` | >= 2 (stretch 3) | 2.25 (2 to 2.5) | "
        "`python -m benchmarks lm-step --threads 2` |",
        "| lm-step | `other` | <= 1 | not measured | `python -m benchmarks lm-step --threads 2` |",
    ]


def test_lines_tell_reached_from_missed_and_from_not_measured():
    told = "\n".join(_results.lines("lm-step", a_report()))
    assert "asked >= 2 (stretch 3): reached" in told
    assert "not measured; asked <= 1" in told


def test_the_products_of_a_step_are_those_of_forward_and_twice_as_many_backward():
    forward = {"inputs", "recurrence", "decoder"}
    flop = {True: 0, False: 0}
    for one in products():
        ahead = one.name.split(" ", 2)[-1] in forward or one.name == "decoder"
        flop[ahead] += 2 * one.m * one.k * one.n * one.times
    assert flop[False] == 2 * flop[True]
    # A multiplication and an addition for every weight and token: three LSTM layers, the decoder.
    weights = 4 * (1152 * (400 + 1152) + 1152 * 2304 + 400 * 1552) + 400 * 60_000
    assert flop[True] == 2 * 48 * 70 * weights
