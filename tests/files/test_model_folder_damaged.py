"""Damaged folders, foreign ones, and settings that were made to hurt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steadfit.core.errors import FileFormatError
from steadfit.files import model_folder
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, load_model
from steadfit.files.tensors import load_tensors, save_tensors
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab
from tests.files.model_folders import (
    KINDS,
    MakeSaved,
    SavedFolder,
    change_config,
)


def test_a_missing_folder_and_one_of_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no model folder"):
        load_model(tmp_path / "m")
    (tmp_path / "pictures.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(FileFormatError, match=r"no config\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(name: str, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / name).unlink()
    with pytest.raises(FileFormatError, match=name):
        load_model(folder)


@pytest.mark.parametrize("place", [0, 12, -1])
def test_altered_weights_are_refused(place: int, saved_folder: SavedFolder) -> None:
    file = saved_folder("classifier") / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(FileFormatError, match="altered"):
        load_model(file.parent)


def test_truncated_weights_are_refused(saved_folder: SavedFolder) -> None:
    file = saved_folder("classifier") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(FileFormatError, match="cut short"):
        load_model(file.parent)


def test_weights_of_another_folder_are_refused(
    saved_folder: SavedFolder, make_saved: MakeSaved, tmp_path: Path
) -> None:
    folder = saved_folder("encoder")
    tensors = load_tensors(folder / "model.safetensors")
    save_tensors(folder / "model.safetensors", {name: t + 1 for name, t in tensors.items()})
    with pytest.raises(FileFormatError, match="from another folder"):
        load_model(folder)


def test_a_tokenizer_of_another_model_is_refused(
    saved_folder: SavedFolder, make_vocab: Callable[..., Vocab]
) -> None:
    folder = saved_folder("classifier")
    Tokenizer(make_vocab(("film", "the", "was", "good", "bad", "."))).save(
        folder / "tokenizer.json"
    )
    with pytest.raises(FileFormatError, match="not the tokenizer this model was trained with"):
        load_model(folder)


def test_a_newer_format_asks_for_a_newer_version(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c.update(format_version=5))
    with pytest.raises(FileFormatError, match="newer Steadfit"):
        load_model(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_than_asked_for_is_named(kind: Kind, saved_folder: SavedFolder) -> None:
    for wanted in KINDS:
        if wanted != kind:
            with pytest.raises(FileFormatError, match=f"{kind}, but {wanted} is needed"):
                load_model(saved_folder(kind), wanted)


HOSTILE = {
    "format": ["other", None, 3],
    "format_version": ["1", None, -1, 1.5, True, [1]],
    "kind": ["transformer", None, ["classifier"], {}],
    "architecture": ["GPT", None],
    "backwards": ["false", 1, None],
    "classes": [None, "ab", ["a"], ["a", "a"], ["a", 3], ["a", "b", "c"], {"a": 1, "b": 2}],
    "reading": [None, {}, {"bptt": "70", "grad_tokens": 5}, {"bptt": 70, "grad_tokens": 0},
                {"bptt": 10**30, "grad_tokens": 5}, {"bptt": 1, "grad_tokens": 5, "x": 1}, []],
    "head_bias": [None, 0, "no", False],
    "numbers": [None, 3, "float8", ["float16"], "float32 "],
    "tokenizer_fingerprint": [None, 3, "0" * 64],
    "weights_sha256": [None, 3, "0" * 64],
    "model": [None, [], {}, "x"],
}  # fmt: skip
HOSTILE_SIZES = {
    "vocab_size": ["15", -1, 0, 14, 10**12, 2**24, 15.0, None],
    "emb_sz": ["4", -4, 0, 5, 10**30, 2**24, [4]],
    "n_hid": ["6", -6, 7, 2**24, 2**63],
    "n_layers": ["3", 0, -3, 2, 10**9, 2**24],
    "pad_token": ["1", -1, 15, 10**30],
    "embed_p": ["0.1", 1.0, -0.1, float("nan"), float("inf"), None],
    "tie_weights": ["yes", 1, None],
    "out_bias": [0],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in HOSTILE.items() for v in vs])
def test_hostile_settings_are_refused(key: str, value: object, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c.update({key: value}))
    with pytest.raises(FileFormatError):
        load_model(folder)


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in HOSTILE_SIZES.items() for v in vs])
def test_hostile_sizes_are_refused_before_memory_is_taken(
    key: str, value: object, saved_folder: SavedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: c["model"].update({key: value}))
    build = model_folder._build

    def only_meta(*arguments: Any) -> Model:
        model = build(*arguments)
        assert all(p.is_meta for p in model.parameters()), "memory was taken"
        return model

    monkeypatch.setattr(model_folder, "_build", only_meta)
    with pytest.raises(FileFormatError):
        load_model(folder)


@pytest.mark.parametrize("key", [*HOSTILE, *HOSTILE_SIZES])
def test_a_setting_that_is_missing_is_refused_or_has_a_default(
    key: str, saved_folder: SavedFolder
) -> None:
    folder = saved_folder("classifier")
    change_config(folder, lambda c: (c if key in c else c["model"]).pop(key))
    if key in ("backwards", "weights_sha256", "head_bias"):
        assert load_model(folder).backwards is (key != "backwards")
    else:
        with pytest.raises(FileFormatError):
            load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_json_that_is_none_is_refused(name: str, text: bytes, saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / name).write_bytes(text)
    with pytest.raises(FileFormatError, match=name):
        load_model(folder)
