"""A figure's provenance is plain JSON and names what matters."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

import torch

from steadfit.report.provenance import commit_of, provenance


def test_it_is_plain_json_and_names_versions_and_hardware() -> None:
    found = json.loads(json.dumps(provenance()))
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["hardware"]["torch_threads"] == torch.get_num_threads()
    assert found["hardware"]["cores"] >= 1


def test_a_checkout_is_named_by_its_commit_and_by_what_was_changed_after_it(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *words]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert commit_of(tmp_path / "none", ".") is None
    git("init", "-q")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "--short", "HEAD")
    assert commit_of(tmp_path, "src") == commit
    (tmp_path / "other.py").write_text("2")
    assert commit_of(tmp_path, "src") == commit
    (tmp_path / "src" / "a.py").write_text("2")
    assert commit_of(tmp_path, "src") == f"{commit} with changes"
