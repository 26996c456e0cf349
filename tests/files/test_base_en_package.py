"""The distribution `models/steadfit-base-en`, built here with tiny models in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.files.pretrained import installed_models, pretrained_folder

SOURCE = Path(__file__).parents[2] / "models" / "steadfit-base-en"
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"


@pytest.fixture
def wheel(tmp_path: Path, make_saved: Callable[..., SavedModel]) -> Path:
    pytest.importorskip("setuptools", minversion="77.0.3")
    project = tmp_path / "project"
    whatever_is_there = shutil.ignore_patterns("forward", "backward", "build", "*.egg-info")
    shutil.copytree(SOURCE, project, ignore=whatever_is_there)
    for direction, backwards in (("forward", False), ("backward", True)):
        saved = replace(make_saved("language-model"), backwards=backwards)
        save_model(project / "src" / "steadfit_base_en" / direction, saved, "float16")
    command = [sys.executable, "-c", BUILD]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return project / "dist" / done.stdout.split()[-1]


def test_installed_it_is_found_by_its_name_and_whole(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    assert "base-en" in installed_models()
    for direction, backwards in (("forward", False), ("backward", True)):
        folder = pretrained_folder("base-en", backwards)
        assert folder == tmp_path / "site" / "steadfit_base_en" / direction
        assert load_model(folder, "language-model").backwards is backwards
    code = [path.name for path in (tmp_path / "site").rglob("*.py")]
    assert code == ["__init__.py"]
    assert list((tmp_path / "site").glob("*.dist-info/licenses/LICENSE"))


def test_its_licence_is_the_repositorys() -> None:
    assert (SOURCE / "LICENSE").read_bytes() == (SOURCE.parents[1] / "LICENSE").read_bytes()


def test_what_is_shipped_is_whole_small_and_as_its_card_says() -> None:
    card = (SOURCE / "README.md").read_text(encoding="utf-8")
    folders = sorted((SOURCE / "src" / "steadfit_base_en").glob("*ward"))
    assert folders
    for folder in folders:
        saved = load_model(folder, "language-model")
        assert saved.backwards is (folder.name == "backward")
        size = sum(file.stat().st_size for file in folder.iterdir())
        assert size <= 25_000_000
        assert f"{size / 1e6:.1f} MB" in card
        assert f"| {saved.metrics['perplexity']:.1f} |" in card
        assert f"| {saved.metrics['bits_per_byte']:.3f} |" in card
        assert f"{len(saved.tokenizer.vocab):,} words" in card
