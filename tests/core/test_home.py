"""The folder for cached files."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from steadfit.core.errors import DataError
from steadfit.core.home import home, write_problem


def test_the_chosen_folder_wins_and_is_not_created(monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"
    assert not home().exists()


def test_a_relative_choice_does_not_wander_with_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFIT_HOME", "mine")
    monkeypatch.chdir(tmp_path)
    first = home()
    assert first == tmp_path / "mine"
    assert first.is_absolute()


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_each_platform_has_its_own_cache_folder(monkeypatch, tmp_path, platform):
    monkeypatch.delenv("STEADFIT_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    expected = {"linux": "xdg", "darwin": "Library/Caches", "win32": "local"}[platform]
    assert home() == tmp_path / expected / "steadfit"


def test_a_relative_xdg_folder_is_ignored_as_its_specification_says(monkeypatch, tmp_path):
    monkeypatch.delenv("STEADFIT_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")
    assert home() == tmp_path / ".cache" / "steadfit"


def test_a_user_without_a_home_is_told_which_variable_to_set(monkeypatch):
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("STEADFIT_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(DataError, match="STEADFIT_HOME"):
        home()


def test_a_folder_that_takes_files_is_made_and_left_empty(tmp_path):
    assert write_problem(tmp_path / "a" / "b") is None
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_why_a_folder_takes_no_files_is_said_in_the_systems_words(tmp_path):
    (tmp_path / "file").write_text("")
    assert write_problem(tmp_path / "file") == os.strerror(errno.EEXIST)
