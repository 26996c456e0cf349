"""Runs are kept one by one: what was finished before a stop is never trained again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import _runs
from experiments._runs import Run, run_all
from steadfit.core.errors import TrainingError
from steadfit.core.lock import process_lock_or
from steadfit.report.provenance import provenance
from steadfit.training.stages import LOCK

WORK = """
import time
from pathlib import Path

def squared(n, folder):
    with open(f"{folder}/trained", "a") as file:
        file.write(f"{n} ")
    if n == 2 and not Path(folder, "go").exists():
        Path(folder, "stuck").touch()
        time.sleep(60)
    return {"squared": n * n}
"""
CHILD = """
import sys
from pathlib import Path
from experiments import _runs
_runs.HOME = Path(sys.argv[1])
runs = [_runs.Run("slow_work:squared", {"n": n, "folder": sys.argv[2]}) for n in range(4)]
_runs.run_all(runs, jobs=1)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    (tmp_path / "slow_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    return [Run("slow_work:squared", {"n": n, "folder": str(tmp_path)}) for n in range(4)]


def test_runs_that_were_finished_before_a_kill_are_kept(
    work: list[Run], home: Path, tmp_path: Path
) -> None:
    paths = f"import sys; sys.path[:0] = {[str(tmp_path), str(_runs.ROOT)]!r}\n"
    child = subprocess.Popen([sys.executable, "-c", paths + CHILD, str(home), str(tmp_path)])
    try:
        while not (tmp_path / "stuck").exists():
            assert child.poll() is None, "it ended before it was killed"
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait()
    assert [run.figures() is not None for run in work] == [True, True, False, False]
    (tmp_path / "go").touch()
    (tmp_path / "trained").unlink()
    assert [one["squared"] for one in run_all(work, jobs=1)] == [0, 1, 4, 9]
    assert (tmp_path / "trained").read_text().split() == ["2", "3"]
    assert len(list(home.rglob("*"))) == 5  # four files in their folder, and no part of another


def test_a_run_that_fails_leaves_the_others_kept(work: list[Run], home: Path) -> None:
    failing = Run("slow_work:squared", {"n": 7})
    with pytest.raises(TypeError, match="folder"):
        run_all([work[0], failing, work[1]], jobs=1)
    assert work[0].figures() is not None
    assert failing.figures() is None


def test_figures_come_in_the_order_of_the_runs_with_their_settings(
    work: list[Run], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    run_all([work[3], work[1]], jobs=1)
    found = run_all([work[2], work[1], work[2], work[3]], jobs=1)
    assert [(one["n"], one["squared"]) for one in found] == [(2, 4), (1, 1), (2, 4), (3, 9)]
    assert (tmp_path / "trained").read_text().split() == ["3", "1", "2"]
    assert all(one["seconds"] >= 0 for one in found)


def test_fresh_runs_go_on_from_nothing_and_others_from_what_they_left(
    work: list[Run], home: Path, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    run = replace(work[0], checkpoints=left)
    assert run.file == work[0].file
    (left / "stage-0000").mkdir(parents=True)
    run_all([run], jobs=1)
    assert left.exists()
    with (
        process_lock_or(AssertionError(), left / "stage-0000" / LOCK),
        pytest.raises(TrainingError, match="another program is training with it"),
    ):
        run_all([run], jobs=1, fresh=True)
    assert left.exists()
    run_all([run], jobs=1, fresh=True)
    assert not left.exists()
    assert (tmp_path / "trained").read_text().split() == ["0", "0"]


def test_other_settings_are_another_run(work: list[Run]) -> None:
    same = Run("slow_work:squared", dict(reversed(work[0].settings.items())))
    assert same.file == work[0].file
    others = [*work, Run("other:squared", work[0].settings), Run("slow_work:cubed", {"n": 0})]
    assert len({run.file for run in others}) == 6


def test_what_is_kept_is_plain_json_and_says_by_what_it_was_made(
    work: list[Run], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_runs, "_commit", lambda: "abc")
    run_all(work[:1], jobs=1)
    kept = json.loads(work[0].file.read_text())
    assert kept.pop("seconds") >= 0
    assert kept.pop("commit") == "abc"
    assert kept.pop("made_on") == provenance()
    assert kept == {**work[0].settings, "squared": 0}
