"""The command line: every experiment runs, keeps what it found, and trains nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import __main__ as command
from experiments import _runs, char_lm
from experiments._report import Options
from steadfit.training.stages import Stage, Stages
from tests.experiments.conftest import Command

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("name", command.names())
def test_a_second_call_trains_nothing_and_finds_the_same(
    name: str, call: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[_runs.Run] = []
    work = _runs._work

    def counted(run: _runs.Run, file: Path, threads: int) -> None:
        trained.append(run)
        work(run, file, threads)

    monkeypatch.setattr(_runs, "_work", counted)
    found = call(name)
    assert trained
    text = (tmp_path / "out" / f"{name}.json").read_text()
    assert str(home) not in text  # nothing that names the user or machine
    kept = json.loads(text)
    assert kept["figures"] == found
    assert kept["command"] == f"python -m experiments {name} --quick"
    assert kept["conditions"]["quick"] is True
    assert len(kept["runs"]) == len({run.file for run in trained})
    assert {"commit", "written_at", "core_seconds", "made_on"} <= kept.keys()
    assert (tmp_path / "out" / f"{name}.md").read_text().count("|") > 10
    trained.clear()
    assert call(name) == found
    assert not trained


def test_char_lm_compares_every_cell_with_every_penalty(call: Command) -> None:
    found = call("char-lm", "--seeds", "2")
    assert list(found) == ["lstm", "irnn", "tanh"]
    for arms in found.values():
        assert list(arms) == ["none", "β = 50", "AR + TAR", "β = 5, warm-up", "β = 500"]
        for arm, one in arms.items():
            seeds = 1 if arm in char_lm.OF_ONE_SEED else 2
            assert (one["n"], one["diverged"], len(one["bits"])) == (seeds, 0, seeds)
            assert one["mean"] == pytest.approx(sum(one["bits"]) / seeds, abs=1e-4)
            assert 3 < one["mean"] < 7


def test_horizon_says_what_norms_and_bits_are_far_beyond_the_windows(
    call: Command, tmp_path: Path
) -> None:
    found = call("horizon")
    assert set(found) == {"search", "chosen", "irnn", "lstm"}
    assert found["search"][found["chosen"]] == max(found["search"].values())
    for cell in ("irnn", "lstm"):
        assert list(found[cell]) == ["0", "5", "50", "500"]
        for one in found[cell].values():
            assert one["norm_ratio"] > 0
            assert one["bpc_50"] > 2
            assert one["bpc_1000"] > 2  # three updates leave an IRNN that costs hundreds
        assert (tmp_path / "out" / f"horizon-{cell}.png").stat().st_size > 5_000


def test_sweep_trains_the_ends_of_every_axis(call: Command, tmp_path: Path) -> None:
    found = call("sweep")
    assert found["axes"] == {"alpha": [0, 2], "beta": [0, 4], "beta_norm": [0, 500]}
    axes = [(one["alpha"], one["beta"], one["beta_norm"]) for one in found["points"]]
    assert len(set(axes)) == len(axes) == 8
    kept = json.loads((tmp_path / "out" / "sweep.json").read_text())["runs"]
    trained = [(one["how"]["alpha"], one["how"]["beta"], one["how"]["norm"]) for one in kept]
    assert trained == axes
    bits = [one["valid_bpc"] for one in found["points"]]
    assert bits == [one["valid_bpc"] for one in kept]
    assert found["best"]["valid_bpc"] == min(bits)
    assert found["none"] == found["points"][0]
    assert (tmp_path / "out" / "sweep.png").stat().st_size > 5_000


def test_notebook_sets_each_stage_beside_its_stabilized_one_and_the_linear_models(
    call: Command,
) -> None:
    found = call("notebook")
    assert set(found["baselines"]) == {"TF-IDF + logistic regression", "NBSVM"}
    assert list(found["stages"]) == ["head only", "freeze_to(-2)", "all layers"]
    for stage in found["stages"].values():
        assert len(stage["accuracy"]) == 2
        assert all(0 <= one["mean"] <= 1 for one in stage["accuracy"].values())
        assert 0 <= stage["stabilizer_against_none"][0]["p_value"] <= 1
        assert set(stage["stabilizer_against"]) == set(found["baselines"])


def test_a_table_says_by_what_its_runs_were_made_not_by_what_it_was_written(
    call: Command, home: Path, tmp_path: Path
) -> None:
    def written() -> dict[str, Any]:
        call("sweep")
        return json.loads((tmp_path / "out" / "sweep.json").read_text())

    call("sweep")
    kept = sorted(home.rglob("*.json"))
    elsewhere = {"hardware": {"processor": "another"}}
    for file in kept:
        run = json.loads(file.read_text())
        file.write_text(json.dumps({**run, "commit": "abc", "made_on": elsewhere}))
    found = written()
    assert (found["commit"], found["made_on"]) == ("abc", elsewhere)
    assert found["written_at"] == _runs.stamp()["commit"] != "abc"
    assert all("made_on" not in run for run in found["runs"])
    run = json.loads(kept[0].read_text())
    kept[0].write_text(json.dumps({k: v for k, v in run.items() if k not in ("commit", "made_on")}))
    found = written()  # with one that was kept before runs kept that
    assert sorted(found["commit"]) == ["abc", "unknown"]
    assert elsewhere in found["made_on"]
    assert "unknown" in found["made_on"]
    assert [run.get("made_on") for run in found["runs"]].count(elsewhere) == len(kept) - 1


def test_fresh_trains_again(call: Command, home: Path) -> None:
    call("sweep")
    kept = list(home.rglob("*.json"))
    for file in kept:
        file.write_text(file.read_text().replace('"valid_bpc": ', '"valid_bpc": 1'))
    spoilt = call("sweep")
    assert call("sweep", "--fresh")["best"]["valid_bpc"] < spoilt["best"]["valid_bpc"] - 5
    assert sorted(home.rglob("*.json")) == sorted(kept)


@pytest.mark.parametrize("name", ["notebook", "pseudo-labels"])
def test_fresh_begins_at_the_first_step_where_checkpoints_stand(
    name: str, call: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    finished: list[Path] = []
    open_stage = Stages.open

    def seen(stages: Stages, *arguments: Any) -> Stage:
        stage = open_stage(stages, *arguments)
        opened.append(stage.folder)
        if not stage.is_new:
            finished.append(stage.folder)
        return stage

    monkeypatch.setattr(Stages, "open", seen)
    call(name)
    trained = list(opened)
    assert trained
    call(name, "--fresh")
    assert opened == trained * 2
    assert not finished


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["char-ml"], "char-lm"),
        (["sweep", "--seeds", "0"], "--seeds: one or more"),
        (["sweep", "--jobs", "-1"], "--jobs: one or more"),
        (["horizon", "--config", "grid.toml"], "only `sweep` reads a grid"),
    ],
)
def test_a_wrong_word_is_answered(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--text", "--config"])
def test_a_file_that_is_not_there_ends_the_program_with_a_line(
    option: str, call: Command, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"experiments sweep: .*missing"):
        call("sweep", option, str(tmp_path / "missing"))


def test_quick_runs_are_not_kept_among_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    command.main(["sweep", "--quick", "--jobs", "1"])
    assert "wrote" not in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_the_command_that_is_kept_names_every_option_that_changes_figures() -> None:
    told: dict[str, Any] = {"text": Path("a.txt"), "config": Path("g.toml")}
    words = Options(quick=True, seeds=2, jobs=1, fresh=True, **told).words
    assert words == ["--quick", "--seeds", "2", "--text", "a.txt", "--config", "g.toml"]
