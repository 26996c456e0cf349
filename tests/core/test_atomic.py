"""Files and folders appear whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from steadfit.core import atomic
from steadfit.core.atomic import atomic_file, atomic_folder, write_json, write_text
from steadfit.core.errors import DataError, DiskError


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_has_its_name_only_after_the_block(tmp_path):
    path = tmp_path / "new" / "file.bin"
    with atomic_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert everything(path.parent) == ["file.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic_file(path, "w") as file:
            file.write("new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert everything(tmp_path) == ["file.txt"]


def test_text_is_utf8_with_unix_line_ends_on_any_machine(tmp_path):
    with atomic_file(tmp_path / "a", "w") as file:
        file.write("é\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"


def test_json_comes_back_as_it_was(tmp_path):
    value = {"é": [1, 2.5, None, True], "b": {"c": "\n"}, "no UTF-8": "r\udce9views.csv"}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == value


@pytest.mark.parametrize("mode", ["a", "r+b", "x", ""])
def test_modes_that_do_not_write_anew_are_refused(tmp_path, mode):
    with pytest.raises(ValueError, match="accepted are"), atomic_file(tmp_path / "a", mode):
        pass
    assert everything(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_rights_follow_the_umask_which_stays_as_it_is(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "")
        with atomic_folder(tmp_path / "folder"):
            pass
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


@pytest.mark.skipif(os.name == "nt", reason="POSIX rights")
def test_writing_never_touches_the_umask_other_threads_see(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
    write_text(tmp_path / "file", "")
    with atomic_folder(tmp_path / "folder"):
        pass


@pytest.mark.parametrize("many_files", [False, True])
def test_a_folder_replaces_the_old_one_with_all_it_held(tmp_path, many_files):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    with atomic_folder(path, many_files=many_files) as fresh:
        (fresh / "sub").mkdir()
        (fresh / "sub" / "new").write_text("new")
        assert everything(path) == ["old"]
    assert everything(tmp_path) == ["model", "model/sub", "model/sub/new"]


def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")

    def fail() -> None:
        with atomic_folder(path) as fresh:
            (fresh / "new").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert everything(tmp_path) == ["model", "model/old"]


def test_a_folder_with_content_stays_when_it_may_not_be_replaced(tmp_path):
    path = tmp_path / "set"

    def write_while_another_process_is_faster() -> None:
        with atomic_folder(path, replace=False) as fresh:
            (fresh / "mine").write_text("")
            path.mkdir()
            (path / "theirs").write_text("")

    with pytest.raises(FileExistsError):
        write_while_another_process_is_faster()
    assert everything(tmp_path) == ["set", "set/theirs"]


def test_a_file_of_that_name_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(DataError, match="is a file"), atomic_folder(tmp_path / "notes"):
        pass
    assert everything(tmp_path) == ["notes"]


@pytest.mark.parametrize("place", ["notes/new", "notes/a/new"])
@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_a_place_below_a_file_is_an_error_that_says_so(tmp_path, place, write):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(DiskError, match="a file stands where a folder"), write(tmp_path / place):
        pass
    assert everything(tmp_path) == ["notes"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_linked_folder_keeps_what_it_holds(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "precious").write_text("")
    (tmp_path / "model").symlink_to(tmp_path / "disk", target_is_directory=True)
    with atomic_folder(tmp_path / "model") as fresh:
        (fresh / "new").write_text("")
    assert everything(tmp_path) == ["disk", "disk/precious", "model", "model/new"]


def test_when_the_new_folder_cannot_take_its_name_the_old_one_gets_it_back(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("old")
    rename = os.rename

    def fails_for_the_new_one(source, target):
        if str(source).endswith(".part"):
            raise OSError("no")
        rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", fails_for_the_new_one)
    with pytest.raises(OSError, match="no"), atomic_folder(path) as fresh:
        (fresh / "new").write_text("new")
    assert everything(tmp_path) == ["model", "model/old"]


def test_writers_at_the_same_time_leave_one_whole_folder(tmp_path):
    path = tmp_path / "model"
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for _ in range(5):
                together.wait(10)
                with atomic_folder(path) as fresh:
                    for name in "abc":
                        (fresh / name).write_text(str(writer))
        except BaseException as error:
            failures.append(error)
            together.abort()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert everything(tmp_path) == ["model", "model/a", "model/b", "model/c"]
    assert len({(path / name).read_text() for name in "abc"}) == 1
