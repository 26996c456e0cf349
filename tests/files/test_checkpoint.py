"""Checkpoints: what is written comes back, and what was damaged is never taken for it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from steadfit.core.errors import FileFormatError
from steadfit.files import checkpoint as module
from steadfit.files.checkpoint import (
    DamagedCheckpoint,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)

TENSORS = {"weights": torch.arange(6.0).reshape(2, 3), "rng": torch.arange(5, dtype=torch.uint8)}


def write(folder: Path, ordinal: int, keep: int = 2) -> Path:
    return write_checkpoint(folder, ordinal, TENSORS, {"ordinal": ordinal}, keep)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def other_json(path: Path) -> None:
    path.write_text("[1, 2]", encoding="utf-8")


def deep_json(path: Path) -> None:
    path.write_text("[" * 100_000, encoding="utf-8")


DAMAGE = [Path.unlink, cut_short, flip_a_bit, other_json, deep_json]
FILES = ["tensors.safetensors", "values.json", "checksums.json"]


def test_tensors_and_values_come_back_bit_for_bit(tmp_path: Path) -> None:
    values = {"loss": 0.1 + 0.2, "reason": None, "list": [1, "ä"], "none": float("inf")}
    found = read_checkpoint(write_checkpoint(tmp_path, 3, TENSORS, values, keep=1))
    assert found.values == values
    assert found.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_ones_are_kept(tmp_path: Path, keep: int) -> None:
    for ordinal in range(5):
        write(tmp_path, ordinal, keep)
    assert names(tmp_path) == [f"checkpoint-{ordinal:08}" for ordinal in range(5 - keep, 5)]
    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.values == {"ordinal": 4}


def test_a_folder_that_is_empty_or_not_there_has_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_one_is_passed_over_with_a_warning(
    tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    write(tmp_path, 0)
    damage(write(tmp_path, 1) / file)
    with pytest.warns(UserWarning, match="checkpoint-00000001 is damaged.*one before is used"):
        found = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.values == {"ordinal": 0}


def test_where_all_are_damaged_the_warnings_say_so_and_none_is_found(tmp_path: Path) -> None:
    for ordinal in (0, 1):
        cut_short(write(tmp_path, ordinal) / "values.json")
    with pytest.warns(UserWarning, match="is damaged|twice") as told:
        assert newest_checkpoint(tmp_path) is None
    assert len(told) == 2
    assert "the fit starts from its beginning" in str(told[-1].message)


def test_fresh_ones_outlive_damaged_ones_of_a_higher_number(tmp_path: Path) -> None:
    for ordinal in (7, 8):
        cut_short(write(tmp_path, ordinal) / "values.json")
    write(tmp_path, 0)
    assert names(tmp_path) == ["checkpoint-00000000"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert newest_checkpoint(tmp_path) is not None


def test_a_damaged_one_is_replaced_by_a_fresh_one_of_its_number(tmp_path: Path) -> None:
    cut_short(write(tmp_path, 4) / "values.json")
    assert read_checkpoint(write(tmp_path, 4)).values == {"ordinal": 4}


def test_what_a_killed_writer_left_half_done_is_swept_away(tmp_path: Path) -> None:
    shutil.copytree(write(tmp_path, 0), tmp_path / ".checkpoint-00000001.0123456789ab.part")
    write(tmp_path, 1)
    assert names(tmp_path) == ["checkpoint-00000000", "checkpoint-00000001"]


def test_another_version_is_refused_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 0)
    with monkeypatch.context() as patch:
        patch.setattr("steadfit.files.checkpoint.FORMAT_VERSION", 4)
        write(tmp_path, 1)
    with pytest.raises(FileFormatError, match=r"steadfit-checkpoint 4; this version reads"):
        newest_checkpoint(tmp_path)


def test_a_planted_pickle_is_not_opened(tmp_path: Path) -> None:
    path = write(tmp_path, 0)
    (path / "tensors.safetensors").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["values.json", "checksums.json"])
def test_a_json_file_larger_than_any_of_ours_is_refused_unread(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, 0)
    assert read_checkpoint(path).values == {"ordinal": 0}
    most = max((path / one).stat().st_size for one in ("values.json", "checksums.json"))
    monkeypatch.setattr(module, "MOST_BYTES", most)
    (path / name).write_bytes(b" " * (most + 1))
    monkeypatch.setattr(Path, "read_text", None)
    with pytest.raises(DamagedCheckpoint, match=f"{name} is larger than it can be"):
        read_checkpoint(path)
