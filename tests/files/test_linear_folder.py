"""A linear model's folder: what is read is what was saved, or an error says why not."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from safetensors.numpy import load_file, save_file

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.files.linear_folder import load_linear, save_linear
from steadfit.files.tensors import file_digest
from steadfit.linear.model import LinearModel
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.linear.tfidf import fit_tfidf
from tests.files.hostile import damages

TEXTS = ["good film", "gut, dünn", "bad film", "电影 不好", "warm", "dull été"]
HELD_OUT = [*TEXTS, "", "good dünn film", "\ud800\0 zzz", "warm 电影"]


def model_of(fit: Callable[..., LinearModel], classes: int) -> LinearModel:
    return fit(TEXTS, [f"Klasse ü {i % classes}" for i in range(len(TEXTS))])


@pytest.mark.parametrize("fit", [fit_nbsvm, fit_tfidf])
@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_read_predicts_what_was_saved_to_the_bit(
    tmp_path: Path, fit: Callable[..., LinearModel], classes: int
) -> None:
    saved = model_of(fit, classes)
    read = load_linear(save_linear(tmp_path / "linear", saved))
    assert (read.probabilities(HELD_OUT) == saved.probabilities(HELD_OUT)).all()
    assert (read.classes, read.ngrams, read.name) == (saved.classes, saved.ngrams, saved.name)
    again = save_linear(tmp_path / "again", read)
    for file in (tmp_path / "linear").iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("scale", [1, np.float32(0.5), np.float64(2.5), np.int64(2)])
def test_a_scale_of_any_kind_of_number_is_read_again(tmp_path: Path, scale: float) -> None:
    saved = replace(model_of(fit_nbsvm, 2), scale=scale)
    read = load_linear(save_linear(tmp_path / "linear", saved))
    assert (type(read.scale), read.scale) == (float, scale)
    assert (read.probabilities(HELD_OUT) == saved.probabilities(HELD_OUT)).all()


def test_a_scale_that_an_older_version_wrote_as_a_whole_number_is_read(tmp_path: Path) -> None:
    folder = save_linear(tmp_path / "linear", replace(model_of(fit_nbsvm, 2), scale=2.0))
    file = folder / "linear.json"
    config = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(sealed({**config, "scale": 2})), "utf-8")
    assert load_linear(folder).scale == 2.0
    for strange in ("2", True, None, [2.0]):
        file.write_text(json.dumps(sealed({**config, "scale": strange})), "utf-8")
        with pytest.raises(FileFormatError, match="altered"):
            load_linear(folder)


def test_one_that_stands_there_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    save_linear(tmp_path / "linear", model_of(fit_nbsvm, 2))
    save_linear(tmp_path / "linear", model_of(fit_tfidf, 3))
    assert len(load_linear(tmp_path / "linear").classes) == 3
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(FileFormatError, match="not replaced"):
        save_linear(tmp_path / "mine", model_of(fit_nbsvm, 2))
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_classes_that_are_no_strings_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="strings"):
        save_linear(tmp_path / "linear", fit_nbsvm(["good", "bad"], [1, 0]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["linear.json", "linear.safetensors"])
def test_any_damage_is_noticed(tmp_path: Path, name: str) -> None:
    saved = model_of(fit_tfidf, 2)
    folder = save_linear(tmp_path / "linear", saved)
    content = (folder / name).read_bytes()

    @settings(max_examples=50, deadline=None)
    @given(damages(content))
    def noticed(damaged: bytes) -> None:
        (folder / name).write_bytes(damaged)
        try:
            read = load_linear(folder)
        except FileFormatError:
            return
        # White space of the JSON may differ: nothing that is read does.
        assert name == "linear.json" or damaged == content
        assert (read.margins(HELD_OUT) == saved.margins(HELD_OUT)).all()

    noticed()


@pytest.mark.parametrize(
    ("tensor", "value"),
    [
        ("ngrams", np.frombuffer(b"x\nx", dtype=np.uint8)),
        ("ngrams", np.frombuffer(b"\xff\n\xfe", dtype=np.uint8)),
        ("ngrams", np.zeros(3, dtype=np.int64)),
        ("ngrams", None),
        ("weights", np.full((2, 1), np.inf, dtype=np.float32)),
        ("weights", np.zeros((1, 1), dtype=np.float32)),
        ("weights", None),
        ("idf", np.full(2, -1, dtype=np.float32)),
        ("bias", np.zeros(2, dtype=np.float32)),
    ],
)
def test_a_forged_file_with_right_checksums_is_refused_too(
    tmp_path: Path, tensor: str, value: np.ndarray | None
) -> None:
    folder = save_linear(tmp_path / "linear", fit_tfidf(["good", "bad"], ["a", "b"]))
    tensors = {**load_file(folder / "linear.safetensors"), tensor: value}
    save_file({k: v for k, v in tensors.items() if v is not None}, folder / "linear.safetensors")
    config = json.loads((folder / "linear.json").read_text("utf-8"))
    config["tensors_sha256"] = file_digest(folder / "linear.safetensors")
    (folder / "linear.json").write_text(json.dumps(sealed(config)), "utf-8")
    with pytest.raises(FileFormatError, match="no linear model"):
        load_linear(folder)


def test_a_newer_format_names_what_to_do(tmp_path: Path) -> None:
    folder = save_linear(tmp_path / "linear", model_of(fit_nbsvm, 2))
    config = json.loads((folder / "linear.json").read_text("utf-8"))
    (folder / "linear.json").write_text(json.dumps(sealed({**config, "format_version": 2})))
    with pytest.raises(FileFormatError, match="Install a newer Steadfit"):
        load_linear(folder)


def test_a_missing_folder_or_a_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"linear\.json cannot be read"):
        load_linear(tmp_path / "nowhere")
    folder = save_linear(tmp_path / "linear", model_of(fit_nbsvm, 2))
    (folder / "linear.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))
    with pytest.raises(FileFormatError, match="is a pickle"):
        load_linear(folder)
