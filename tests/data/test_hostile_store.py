"""Token stores and saved data in the hands of somebody hostile, or on a dying disk."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import FileFormatError
from steadfit.core.json_files import sealed
from steadfit.data.prepare import open_tokens, prepare_tokens
from steadfit.data.token_store import TokenStore
from steadfit.notebook.data_bunch import DataBunch, load_data
from steadfit.notebook.text_list import TextList
from steadfit.text.readers import read_texts
from tests.files.hostile import (
    as_json,
    damages,
    no_file_but_something_else,
    plant_and_read,
    replacements,
    same_or_refused,
    usable_or_refused,
)

TEXTS = ["A good film.", "A bad film!", "", "Good, good, good."] * 3
LABELS = ["pos", "neg", "neg", "pos"] * 3
STORE_FILES = ["labels.npy", "meta.json", "offsets.npy", "split.npy", "tokens.bin", "vocab.json"]
fuzzed = hypothesis.settings(
    max_examples=40, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    texts = TextList.from_texts(TEXTS, path=path).split_by_idx([8, 9, 10, 11])
    texts.label_from_list(LABELS).databunch(bs=2, min_freq=1).save("data")
    return path


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved / "data", tmp_path / "data"))


def contents(data: DataBunch) -> Any:
    settings = (data.kind, data.bs, data.val_bs, data.bptt, data.backwards, data.seed)
    store = data.store
    assert store.labels is not None
    parts = [store.rows(part).tolist() for part in ("train", "valid", "test")]
    ids = [document.tolist() for document in store]
    return settings, ids, store.labels.tolist(), parts, store.meta, data.vocab, data.classes


def use(data: DataBunch) -> None:
    """Go through all batches, as training would."""
    assert len(list(data.train_batches().epoch(0))) == len(data.train_batches())
    if (valid := data.valid_batches()) is not None:
        for batch in valid.epoch(0):
            data.vocab.textify(batch[0].flatten().tolist())


def forge(folder: Path, head: dict[str, Any]) -> None:
    """Write a head with checksums that are right, as somebody would who knows the format."""
    if isinstance(head.get("checksums"), dict):
        for name in set(head["checksums"]) & set(STORE_FILES):
            head["checksums"][name] = zlib.crc32((folder / name).read_bytes())
    (folder / "meta.json").write_text(json.dumps(sealed(head)), "utf-8")


@pytest.mark.parametrize("name", [*STORE_FILES, "settings.json"])
@fuzzed
@given(data=st.data())
def test_damaged_data_are_the_same_or_refused(name: str, folder: Path, data: st.DataObject) -> None:
    expected = contents(load_data(folder.parent, "data"))
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(data.draw(damages(whole)))
    same_or_refused(lambda: contents(load_data(folder.parent, "data")), expected)
    (folder / name).write_bytes(whole)


@pytest.mark.parametrize("name", STORE_FILES[:1] + STORE_FILES[2:5])
def test_every_bit_of_a_store_counts(name: str, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    for place in range(len(whole)):
        (folder / name).write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :]
        )
        with pytest.raises(FileFormatError):
            TokenStore.open(folder)


def test_a_head_with_any_value_in_any_place_is_usable_or_refused(folder: Path) -> None:
    for changed in replacements(as_json(folder / "meta.json")):
        forge(folder, changed)
        usable_or_refused(lambda: use(load_data(folder.parent, "data")))


@pytest.mark.parametrize("name", ["settings.json", "vocab.json"])
def test_settings_and_words_with_any_value_are_usable_or_refused(name: str, folder: Path) -> None:
    for changed in replacements(as_json(folder / name)):
        (folder / name).write_text(json.dumps(sealed(changed)), "utf-8")
        usable_or_refused(lambda: load_data(folder.parent, "data"))


@pytest.mark.parametrize("name", ["labels", "offsets", "split"])
@pytest.mark.parametrize("value", [-1, 2, 3, 2**31, 2**62, -(2**63)])
def test_arrays_with_any_value_are_usable_or_refused(name: str, value: int, folder: Path) -> None:
    array = np.load(folder / f"{name}.npy")
    array[1] = np.array(value).astype(array.dtype)
    np.save(folder / f"{name}.npy", array)
    forge(folder, as_json(folder / "meta.json"))
    usable_or_refused(lambda: use(load_data(folder.parent, "data")))


@pytest.mark.parametrize("count", [b"(12,)", b"(13,)", b"(999999999999,)", b"(2**63,)", b"((),)"])
def test_a_header_of_an_array_takes_no_memory(count: bytes, folder: Path) -> None:
    data = (folder / "labels.npy").read_bytes()
    header = data[:128].replace(b"(12,), }", count + b", }").rstrip(b"\n ")
    (folder / "labels.npy").write_bytes(header.ljust(127) + b"\n" + data[128:])
    forge(folder, as_json(folder / "meta.json"))
    if count == b"(12,)":
        load_data(folder.parent, "data")
    else:
        with pytest.raises(FileFormatError, match="does not hold 12 numbers"):
            load_data(folder.parent, "data")


def test_no_path_leads_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"abc")
    head = as_json(folder / "meta.json")
    for name in ("../outside", str(tmp_path / "outside"), "sub/../../outside"):
        for key, value in (("bytes", 3), ("checksums", zlib.crc32(b"abc"))):
            head[key] = {**head[key], name: value}
        forge(folder, head)
        with pytest.raises(FileFormatError, match="lacks counts"):
            TokenStore.open(folder)


def test_no_pickle_is_run_whatever_file_it_stands_in_for(folder: Path, tmp_path: Path) -> None:
    plant_and_read(folder, lambda: load_data(folder.parent, "data"), tmp_path / "sprung")


@pytest.mark.parametrize("ending", ["", ".pkl", ".pickle"])
def test_saved_data_that_are_a_pickle_are_not_opened(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"data{ending}").write_bytes(b"cposix\nsystem\n(S'touch sprung'\ntR.")
    with pytest.raises(FileFormatError, match="was not opened"):
        load_data(tmp_path, f"data{ending}")


def test_what_is_no_file_is_refused_and_never_waited_for(folder: Path) -> None:
    names = {*STORE_FILES, "settings.json"}
    no_file_but_something_else(folder, lambda: load_data(folder.parent, "data"), names)


def test_a_damaged_cache_is_built_again(tmp_path: Path) -> None:
    corpus = read_texts(TEXTS, LABELS)
    store, _ = prepare_tokens(corpus, min_freq=1, cache=tmp_path)
    ids = [document.tolist() for document in store]
    for name in STORE_FILES:
        path = store.folder / name
        if not path.exists():  # there is no split
            continue
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.unlink()  # the store that is mapped into memory stays as it is
        path.write_bytes(data)
        with pytest.warns(UserWarning, match="damaged token store is built again"):
            again, _ = prepare_tokens(corpus, min_freq=1, cache=tmp_path)
        assert [document.tolist() for document in again] == ids
        open_tokens(store.folder)
