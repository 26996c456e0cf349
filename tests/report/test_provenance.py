"""A figure's provenance is plain JSON and names what matters."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from steadfit.report import provenance as module
from steadfit.report.provenance import commit_of, own_commit, provenance


def test_it_is_plain_json_and_names_versions_and_hardware() -> None:
    found = json.loads(json.dumps(provenance()))
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["hardware"]["torch_threads"] == torch.get_num_threads()
    assert found["hardware"]["cores"] >= 1


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def checkout(folder: Path) -> str:
    """Make a repository of one file in `src`, and return its commit."""
    (folder / "src").mkdir()
    (folder / "src" / "a.py").write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return git(folder, "rev-parse", "--short", "HEAD")


def test_a_checkout_is_named_by_its_commit_and_by_what_was_changed_after_it(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "none", ".") is None
    commit = checkout(tmp_path)
    assert commit_of(tmp_path, "src") == commit
    (tmp_path / "other.py").write_text("2")
    assert commit_of(tmp_path, "src") == commit
    (tmp_path / "src" / "a.py").write_text("2")
    assert commit_of(tmp_path, "src") == f"{commit} with changes"


def test_the_library_names_its_own_checkout_and_no_other_that_it_is_installed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = checkout(tmp_path)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "src/steadfit/report/provenance.py"))
    assert own_commit() == commit
    installed = tmp_path / ".venv/lib/python3/site-packages/steadfit/report/provenance.py"
    installed.parent.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(installed))
    assert own_commit() is None
