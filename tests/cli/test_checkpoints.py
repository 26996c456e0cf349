"""A training deletes what it wrote, and begins in no folder that holds anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from steadfit.cli.checkpoints import going_on, refuse_foreign, remove_checkpoints
from steadfit.core.errors import DataError, TrainingError
from steadfit.training.stages import Stage
from tests.cli.conftest import Run, refused, reviews, write_csv


@pytest.fixture
def train(steadfit: Run, labelled: Path, tiny: Path, tmp_path: Path) -> Run:
    def run(*words: object) -> Any:
        return steadfit("train", labelled, "--config", tiny, "--out", tmp_path / "model", *words)

    return run


def stopping(monkeypatch: pytest.MonkeyPatch, run: Run, *words: object) -> None:
    """Stop a training from the keyboard when it has written something to go on from."""
    save = Stage.save

    def stop(stage: Stage) -> None:
        save(stage)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "save", stop)
        assert run(*words).status == 130


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(
    train: Run, tmp_path: Path
) -> None:
    mine = tmp_path / "model.checkpoints" / "w.bin"
    mine.parent.mkdir()
    mine.write_text("mine")
    message = refused(train())
    assert "model.checkpoints holds what no training left there (w.bin)" in message
    assert "--checkpoint-dir" in message
    assert mine.read_text() == "mine"


def test_a_file_that_has_the_name_of_ours_is_not_ours(train: Run, tmp_path: Path) -> None:
    mine = tmp_path / "own" / "options.toml"
    mine.parent.mkdir()
    mine.write_text("epochs = 3\n")
    message = refused(train("--checkpoint-dir", mine.parent, "--held-out", 0))
    assert "own holds what no training left there (options.toml)" in message
    assert mine.read_text() == "epochs = 3\n"
    assert "is a file" in refused(train("--checkpoint-dir", mine))


def test_an_error_before_training_leaves_an_empty_folder_empty(train: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert "--held-out is 0" in refused(train("--checkpoint-dir", own, "--held-out", 0))
    assert list(own.iterdir()) == []
    assert "--held-out is 0" in refused(train("--held-out", 0))
    assert not (tmp_path / "model.checkpoints").exists()


def test_all_that_a_training_writes_is_known_to_be_its_own(train: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    words = ("--checkpoint-dir", own, "--refit", "--max-minutes", 9, "--backwards", "both")
    ended = train(*words)
    assert ended.status == 0, ended
    names = {entry.name for entry in own.iterdir()}
    assert {"held-out", "all", "plan.json", "tokens"} <= names
    refuse_foreign(own)
    remove_checkpoints(own)
    assert not own.exists()


def test_what_came_into_the_folder_meanwhile_stays(
    train: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping(monkeypatch, train)
    mine = tmp_path / "model.checkpoints" / "notes.txt"
    mine.write_text("mine")
    assert "(notes.txt)" in refused(train())
    remove_checkpoints(mine.parent)
    assert [one.name for one in mine.parent.iterdir()] == ["notes.txt"]


def test_a_table_that_changed_is_named_and_not_what_differs_inside(
    train: Run, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping(monkeypatch, train)
    before = labelled.read_bytes()
    write_csv(labelled, reviews(60, seed=5))
    message = refused(train())
    assert f"read other texts or labels ({labelled})" in message
    assert "delete it to begin anew" in message
    assert "store" not in message
    labelled.write_bytes(before)
    assert train().status == 0


@pytest.mark.parametrize(
    ("options", "read", "message"),
    [
        ({"a": 2}, {"t.csv": "1"}, r"had other options \(a: 1 there, 2 here\)"),
        ({"a": 1}, {"t.csv": "2"}, r"read other texts or labels \(t\.csv\)"),
        ({"a": 1}, {"t.csv": "1"}, "began otherwise, with the same options and texts"),
    ],
)
def test_why_a_training_cannot_go_on_is_told(
    tmp_path: Path, options: dict[str, Any], read: dict[str, str], message: str
) -> None:
    folder = tmp_path / "checkpoints"
    with going_on(folder, {"a": 1, "b": None}, {"t.csv": "1"}):
        (folder / "stage-0000").mkdir()
    with (
        pytest.raises(DataError, match=message),
        going_on(folder, options, read),
    ):
        raise TrainingError("stage-0000 holds checkpoints of another fit: train differ")
    with pytest.raises(TrainingError, match="no number"), going_on(folder, options, read):
        raise TrainingError("the loss is no number")
