"""A lock that is not waited for."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from steadfit.core import lock
from steadfit.core.lock import process_lock, process_lock_or


class Busy(Exception):
    """What the caller wants to be told."""


def test_what_is_held_is_refused_at_once_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.lock"
    for hold in (lambda: process_lock(path), lambda: process_lock_or(Busy(), path)):
        with hold(), pytest.raises(Busy), process_lock_or(Busy(), path):
            pytest.fail("two held it")
    with pytest.raises(KeyError), process_lock_or(Busy(), path):
        raise KeyError
    with process_lock_or(Busy(), path):
        pass


def test_where_files_cannot_be_locked_the_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_acquire_at_once", refuse)
    ran = []
    with process_lock_or(Busy(), tmp_path / "a.lock"):
        ran.append(True)
    assert ran
