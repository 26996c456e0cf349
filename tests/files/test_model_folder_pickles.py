"""No file of a model folder can run code: pickles are refused, and never opened."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import FileFormatError
from steadfit.files.model_folder import load_model
from tests.files.model_folders import (
    SavedFolder,
)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_the_trap_works(protocol: int, tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"), protocol=protocol))
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("model.safetensors", 0),
        ("model.safetensors", 5),
        ("extra.pkl", 0),
        ("EXTRA.PT", 4),
        ("training_args.bin", 2),
        ("without_suffix", 2),
        ("notes.txt", 4),
        ("sub/weights", 5),
        ("config.json", 4),
        ("config.json", 0),
        ("tokenizer.json", 4),
        ("tokenizer.json", 0),
        ("metrics.json", 4),
        ("metrics.json", 0),
    ],
)
def test_a_pickle_is_refused_and_never_opened(
    name: str, protocol: int, saved_folder: SavedFolder, tmp_path: Path
) -> None:
    folder = saved_folder("classifier")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol=protocol))
    with pytest.raises(FileFormatError, match=Path(name).name):
        load_model(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_of_torch_save_under_our_name_are_refused(
    zipped: bool, saved_folder: SavedFolder, tmp_path: Path
) -> None:
    folder = saved_folder("encoder")
    torch.save(
        Trap(tmp_path / "sprung"),
        folder / "model.safetensors",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(FileFormatError, match="looks like a pickle"):
        load_model(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "text", ["PK", "PKV rates of 2024\n", "PK\x03", "PK\x01\x02", "PK\x07\x07"]
)
def test_a_text_that_begins_like_an_archive_does_not_make_a_model_unreadable(
    text: str, saved_folder: SavedFolder
) -> None:
    folder = saved_folder("classifier")
    (folder / "notes.txt").write_bytes(text.encode())
    assert load_model(folder).kind == "classifier"


@pytest.mark.parametrize("files", [[], ["archive/data.pkl"]])
def test_an_archive_under_any_name_is_refused(files: list[str], saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    with zipfile.ZipFile(folder / "notes.txt", "w") as archive:
        for name in files:
            archive.writestr(name, b"x")
    with pytest.raises(FileFormatError, match=r"notes\.txt looks like a pickle"):
        load_model(folder)


def test_an_archive_in_several_parts_is_refused(saved_folder: SavedFolder) -> None:
    folder = saved_folder("classifier")
    (folder / "notes.txt").write_bytes(b"PK\x07\x08PK\x03\x04")
    with pytest.raises(FileFormatError, match=r"notes\.txt looks like a pickle"):
        load_model(folder)
