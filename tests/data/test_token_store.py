"""What is written comes back, and what is not a store is refused."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.data import store_reader, store_writer
from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.token_store import TokenStore, write_store

DOCUMENTS = [[2, 5, 6], [2], [], [2, 7, 7, 7]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    write_store(
        path,
        DOCUMENTS,
        labels=[1, 0, 0, 1],
        split=["train", "valid", "train", "test"],
        meta={"classes": ["bad", "good"]},
        vocab_size=8,
    )
    return path


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 99_999), max_size=6), max_size=6),
    st.sampled_from([100_000, 1 << 17]),
)
def test_documents_come_back_as_they_were_written(
    documents: list[list[int]], vocab_size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder) / "store", documents, vocab_size=vocab_size)
        assert [document.tolist() for document in store] == documents
        assert store.lengths.tolist() == [len(document) for document in documents]
        assert len(store) == len(documents)
        del store  # Windows does not delete a mapped file


def test_labels_split_and_meta_come_back(folder: Path) -> None:
    store = TokenStore.open(folder)
    assert store.labels is not None
    assert store.labels.dtype == np.int64
    assert store.labels.tolist() == [1, 0, 0, 1]
    assert store.meta == {"classes": ["bad", "good"]}
    assert store.vocab_size == 8
    assert [store.rows(part).tolist() for part in ("train", "valid", "test")] == [[0, 2], [1], [3]]


def test_without_split_every_document_is_for_training(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", DOCUMENTS, vocab_size=8)
    assert store.labels is None
    assert store.rows("train").tolist() == [0, 1, 2, 3]
    assert store.rows("valid").tolist() == []
    with pytest.raises(DataError, match="'dev'"):
        store.rows("dev")


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, np.uint16), (65_537, np.uint32)])
def test_ids_take_two_bytes_while_they_fit(tmp_path: Path, vocab_size: int, dtype: type) -> None:
    largest = vocab_size - 1
    store = write_store(tmp_path / "store", [[0, largest]], vocab_size=vocab_size)
    assert store[0].dtype == dtype
    assert store[0].tolist() == [0, largest]
    assert (tmp_path / "store" / "tokens.bin").stat().st_size == 2 * np.dtype(dtype).itemsize


def test_blocks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_writer, "_BLOCK", 4)
    monkeypatch.setattr(store_writer, "_BLOCK_DOCUMENTS", 3)
    documents = [list(range(length)) for length in (3, 0, 0, 0, 9, 1, 4, 2)]
    store = write_store(tmp_path / "store", iter(documents), vocab_size=9)
    assert [document.tolist() for document in store] == documents


def test_documents_are_taken_one_by_one_and_written_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_writer, "_BLOCK", 100)
    written: list[int] = []

    def documents() -> Iterator[list[int]]:
        for _ in range(50):
            yield [2] * 100
            (part,) = tmp_path.glob(".store.*.part")
            written.append((part / "tokens.bin").stat().st_size)

    write_store(tmp_path / "store", documents(), vocab_size=3)
    assert written == [200 * documents for documents in range(1, 51)]


def test_ids_are_read_only(folder: Path) -> None:
    document = TokenStore.open(folder)[0]
    with pytest.raises(ValueError, match="read-only"):
        document[0] = 3


def test_rows_count_from_the_end_and_stop(folder: Path) -> None:
    store = TokenStore.open(folder)
    assert store[-1].tolist() == DOCUMENTS[-1]
    assert store[np.int64(3)].tolist() == DOCUMENTS[3]
    for row in (4, -5):
        with pytest.raises(IndexError, match="4 documents"):
            store[row]


@pytest.mark.parametrize("ids", [[8], [-1], [0, 1, 70_000]])
def test_ids_outside_the_vocabulary_are_refused_and_nothing_is_left(
    tmp_path: Path, ids: list[int]
) -> None:
    with pytest.raises(DataError, match="vocabulary has 8 tokens"):
        write_store(tmp_path / "store", [ids], vocab_size=8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [1, 2]}, "one class index for each of the 4"),
        ({"labels": ["a", "b", "c", "d"]}, "one class index"),
        ({"split": ["train"]}, "names 1 documents"),
        ({"split": ["train", "train", "train", "dev"]}, "dev"),
        ({"ids": [[0.5]]}, "not a list of token ids"),
        ({"vocab_size": 0}, "vocabulary size is 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_store(tmp_path / "store", **({"ids": DOCUMENTS, "vocab_size": 8} | change))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["tokens.bin", "offsets.npy", "labels.npy", "split.npy"])
def test_a_shortened_or_missing_file_is_refused(folder: Path, name: str) -> None:
    shorten(folder / name)
    with pytest.raises(FileFormatError, match=r"bytes instead of \d+.*Delete the folder"):
        TokenStore.open(folder)
    (folder / name).unlink()
    with pytest.raises(FileFormatError, match="is missing"):
        TokenStore.open(folder)


@pytest.mark.parametrize(
    "offsets", [[0, 3, 2, 4, 8], [1, 3, 4, 4, 8], [0, 3, 4, 4, 9], [0, 3, 4, 4, 7]]
)
def test_offsets_that_do_not_rise_from_zero_to_the_end_are_refused(
    folder: Path, offsets: list[int]
) -> None:
    np.save(folder / "offsets.npy", np.array(offsets, np.int64))
    forge(folder)
    with pytest.raises(FileFormatError, match="does not run from 0"):
        TokenStore.open(folder)


def test_arrays_of_another_kind_are_refused(folder: Path) -> None:
    # The same bytes on disk: 4 labels of 8 bytes either way.
    np.save(folder / "labels.npy", np.zeros(4, np.float64))
    forge(folder)
    with pytest.raises(FileFormatError, match="does not hold 4 numbers"):
        TokenStore.open(folder)


def test_arrays_of_objects_are_never_unpickled(folder: Path) -> None:
    np.save(folder / "labels.npy", np.array([{}], dtype=object), allow_pickle=True)
    forge(folder)
    with pytest.raises(FileFormatError, match="does not hold 4 numbers"):
        TokenStore.open(folder)


def test_ids_beyond_the_vocabulary_are_found_whoever_wrote_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.array([2, 5, 6, 2, 2, 7, 8, 7], np.uint16).tofile(folder / "tokens.bin")
    forge(folder)
    with pytest.raises(FileFormatError, match="the id 8, but the vocabulary has 8"):
        TokenStore.open(folder)
    monkeypatch.setattr(store_reader, "MOST_CHECKED_BYTES", 15)
    store = TokenStore.open(folder)
    for batches in (
        LanguageModelStream(store, range(4), batch_size=2),
        DocumentBatches(store, range(4)),
    ):
        with pytest.raises(FileFormatError, match="the id 8, but the vocabulary has 8"):
            list(batches.epoch(0))


def forge(folder: Path, **changes: object) -> None:
    """Change the head, and make sizes and checksums right, as somebody would who means it."""
    path = folder / "meta.json"
    head = json.loads(path.read_text())
    for name in head["bytes"]:
        head["bytes"][name] = (folder / name).stat().st_size
        head["checksums"][name] = zlib.crc32((folder / name).read_bytes())
    path.write_text(json.dumps(sealed(head | changes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "zip"}, "does not describe a token store"),
        ({"version": 3}, "version 3"),
        ({"documents": -1}, "lacks counts"),
        ({"documents": 3}, "does not hold 4 numbers"),
        ({"tokens": 7}, "does not run"),
        ({"vocab_size": "8"}, "lacks counts"),
        ({"vocab_size": 70_000}, "uint32"),
        ({"dtype": "uint32"}, "uint16"),
        ({"bytes": {}}, "lacks counts"),
        ({"bytes": {"../x": 1}, "checksums": {"../x": 1}}, "lacks counts"),
        ({"meta": None}, "lacks counts"),
    ],
)
def test_a_head_that_does_not_fit_the_files_is_refused(
    folder: Path, changes: dict[str, object], message: str
) -> None:
    forge(folder, **changes)
    with pytest.raises(FileFormatError, match=message):
        TokenStore.open(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\udcff"])
def test_a_head_that_is_no_head_is_refused(folder: Path, text: str) -> None:
    (folder / "meta.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileFormatError):
        TokenStore.open(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="nowhere is not a token store"):
        TokenStore.open(tmp_path / "nowhere")


def test_a_store_without_tokens_opens(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [[], []], vocab_size=8)
    assert [document.tolist() for document in store] == [[], []]
    assert len(write_store(tmp_path / "none", [], vocab_size=8)) == 0


def test_tokens_are_counted_over_the_documents_asked_for(folder: Path) -> None:
    store = TokenStore.open(folder)
    assert store.token_counts(np.array([0, 3]), 9).tolist() == [0, 0, 2, 0, 0, 1, 1, 3, 0]
    assert store.token_counts(np.array([], np.int64), 3).tolist() == [0, 0, 0]
