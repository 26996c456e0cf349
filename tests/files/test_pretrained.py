"""Installed models are found by their names, and none of their code runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_folder import SavedModel, load_model, save_model
from steadfit.files.pretrained import installed_models, pretrained_folder
from steadfit.files.transfer import load_encoder, read_pretrained
from tests.files.model_packages import install

MakeSaved = Callable[..., SavedModel]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that packages are found in; the working folder is another, empty one."""
    folder, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.syspath_prepend(folder)
    return folder


def with_models(home: Path, *directions: str) -> Path:
    for direction in directions:
        (home / direction).mkdir(parents=True)
    return home


def test_a_model_is_found_in_both_directions(site: Path) -> None:
    home = with_models(install(site, "acme-models", {"acme": "acme_models"}), "forward", "backward")
    assert pretrained_folder("acme") == home / "forward"
    assert pretrained_folder("acme", backwards=True) == home / "backward"
    assert "acme" in installed_models()
    assert "acme_models" not in sys.modules  # whose code raises


def test_one_package_holds_several_models(site: Path) -> None:
    models = {"law-en": "acme_models:law-en", "law-de": "acme_models.german : law"}
    package = install(site, "acme-models", models)
    english = with_models(package / "law-en", "forward")
    german = with_models(package / "german" / "law", "forward")
    assert pretrained_folder("law-en") == english / "forward"
    assert pretrained_folder("law-de") == german / "forward"
    assert {"law-de", "law-en"} <= set(installed_models())


def test_a_package_without_code_in_several_places_is_searched_in_all(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(site, "acme-models", {"acme": "acme_models"})
    (package / "__init__.py").unlink()
    second = with_models(tmp_path / "second" / "acme_models", "backward")
    monkeypatch.syspath_prepend(tmp_path / "second")
    with_models(package, "forward")
    assert pretrained_folder("acme") == package / "forward"
    assert pretrained_folder("acme", backwards=True) == second / "backward"


def test_a_path_that_exists_goes_before_a_name(site: Path) -> None:
    with_models(install(site, "acme-models", {"acme": "acme_models"}), "forward")
    Path("acme").mkdir()
    assert pretrained_folder("acme") == Path("acme")
    Path("acme").rmdir()
    assert pretrained_folder("acme").name == "forward"


@pytest.mark.parametrize("path", [Path("acme"), "sub/acme", "./acme", "/nowhere/acme", ".", ""])
def test_what_is_clearly_a_path_is_no_name(path: str | Path, site: Path) -> None:
    with_models(install(site, "acme-models", {"acme": "acme_models"}), "forward")
    assert pretrained_folder(path) == Path(path)


@pytest.mark.parametrize("value", [None, 3, True, ["acme"], "a\0b"])
def test_what_is_neither_path_nor_name_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="accepted are paths"):
        pretrained_folder(value)


def test_an_unknown_name_lists_what_there_is_and_how_to_get_ours(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfit.files.pretrained._OURS", {"base-en": "base"})
    install(site, "acme-models", {"acme": "acme_models", "acme-law": "acme_models:law"})
    with pytest.raises(FileFormatError) as failed:
        pretrained_folder("acne")
    assert "no model 'acne' is installed" in str(failed.value)
    assert ", ".join(installed_models()) in str(failed.value)
    assert {"acme", "acme-law"} <= set(installed_models())
    assert "pip install 'steadfit[base]'" in str(failed.value)
    monkeypatch.setattr("steadfit.files.pretrained.entry_points", lambda **_: ())
    with pytest.raises(
        FileFormatError, match=r"\(installed: none\).*steadfit\[base\]' installs it"
    ):
        pretrained_folder("base-en")


def test_a_direction_that_is_not_there_is_named(site: Path) -> None:
    home = install(site, "acme-models", {"acme": "acme_models"})
    with pytest.raises(FileFormatError, match=r"no forward model 'acme' .*\(it holds: none\)"):
        pretrained_folder("acme")
    with_models(home, "forward")
    with pytest.raises(FileFormatError, match=r"no backward model 'acme' .*\(it holds: forward\)"):
        pretrained_folder("acme", backwards=True)


@pytest.mark.parametrize(
    "value", ["missing_package", "json.tool", "acme_models:../..", "a b", "sys"]
)
def test_an_entry_that_leads_nowhere_names_its_package(value: str, site: Path) -> None:
    with_models(install(site, "acme-models", {"acme": value}).parent, "forward")
    with pytest.raises(FileFormatError, match="acme-models holds no forward model 'acme'"):
        pretrained_folder("acme")


def test_a_name_that_two_packages_use_is_refused(site: Path) -> None:
    with_models(install(site, "acme-models", {"law": "acme_models"}), "forward")
    with_models(install(site, "other", {"law": "other"}), "forward")
    with pytest.raises(FileFormatError, match="acme-models, other each bring a model 'law'"):
        pretrained_folder("law")


def test_a_package_that_is_installed_twice_counts_once(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = with_models(install(site, "acme-models", {"acme": "acme_models"}), "forward")
    shutil.copytree(site, tmp_path / "copy")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "copy")])
    assert pretrained_folder("acme") == home / "forward"


@pytest.mark.parametrize("backwards", [False, True])
def test_an_encoder_is_loaded_by_name(
    backwards: bool, make_saved: MakeSaved, make_model: Callable[..., Any],
    make_vocab: Callable[..., Any], site: Path,
) -> None:  # fmt: skip
    home = install(site, "acme-models", {"acme": "acme_models"})
    saved = make_saved("language-model")
    for direction, reads in (("forward", False), ("backward", True)):
        save_model(home / direction, replace(saved, backwards=reads), "float16")
    encoder = make_model("encoder", n_hid=6)
    encoder.embedding.weight.data.zero_()
    assert load_encoder(encoder, make_vocab(), "acme", backwards).backwards is backwards
    expected = load_model(home / "forward").model.encoder
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name]), name


def test_what_was_read_is_not_read_again(
    make_saved: MakeSaved, make_model: Callable[..., Any], make_vocab: Callable[..., Any],
    tmp_path: Path,
) -> None:  # fmt: skip
    folder = save_model(tmp_path / "m", make_saved("language-model"))
    pretrained = read_pretrained(folder)
    shutil.rmtree(folder)
    assert pretrained.sizes == {"emb_sz": 4, "n_hid": 6, "n_layers": 3}
    assert load_encoder(make_model("encoder"), make_vocab(), pretrained, True) is pretrained.saved
    with pytest.raises(FileFormatError, match=f"{folder.name} reads texts backwards"):
        load_encoder(make_model("encoder"), make_vocab(), pretrained)
