"""Sets of labels, against the sets they were made of; in a store, against hostile hands too."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import read_json, sealed
from steadfit.data.buckets import DocumentBatches
from steadfit.data.label_sets import LabelSets
from steadfit.data.token_store import TokenStore, described, write_store
from tests.data.test_hostile_store import forge

Sets = list[set[int]]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Sets, int]:
    classes = draw(st.integers(1, 19))
    return draw(st.lists(st.sets(st.integers(0, classes - 1)), max_size=9)), classes


def table(sets: Sets, classes: int) -> list[list[int]]:
    return [[int(place in one) for place in range(classes)] for one in sets]


@given(labelled())
def test_sets_come_back_whichever_way_they_are_packed(case: tuple[Sets, int]) -> None:
    sets, classes = case
    packed = LabelSets.of(sets, classes)
    wanted = np.array(table(sets, classes), int).reshape(len(sets), classes)
    every = np.arange(len(sets))
    assert packed[every].tolist() == wanted.tolist()
    assert packed[every].dtype == np.float32
    assert packed.counts(every).tolist() == wanted.sum(0).tolist()
    assert np.array_equal(LabelSets.of_table(wanted).bits, packed.bits)
    assert np.array_equal(LabelSets.of_table(wanted == 1).bits, packed.bits)


@settings(max_examples=30, deadline=None)
@given(labelled())
def test_a_store_gives_back_the_sets_it_was_given(case: tuple[Sets, int]) -> None:
    sets, classes = case
    with tempfile.TemporaryDirectory() as folder:
        ids = [[2, 3]] * len(sets)
        store = write_store(Path(folder) / "store", ids, LabelSets.of(sets, classes), vocab_size=4)
        assert store.multi_label
        assert isinstance(store.labels, LabelSets)
        every = np.arange(len(sets))
        assert store.labels[every].tolist() == table(sets, classes)
        assert store.class_counts(every, classes).sum() == sum(map(len, sets))
        del store  # Windows does not delete a mapped file


def test_counts_of_some_documents_are_those_of_their_labels(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [[2]] * 4, [2, 0, 2, 2], vocab_size=3)
    assert store.class_counts(np.array([0, 1, 3]), 4).tolist() == [1, 0, 2, 0]
    plain = write_store(tmp_path / "plain", [[2]], vocab_size=3)
    with pytest.raises(DataError, match="no labels to count"):
        plain.class_counts(np.array([0]), 2)


@pytest.mark.parametrize(
    "given", [[[0, 2]], [[0.0, 1.0]], [["a"]], np.zeros((1, 0), int), np.zeros((1, 1, 1), int)]
)
def test_what_is_no_table_of_zeros_and_ones_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match="zeros and ones"):
        LabelSets.of_table(given)


def test_bits_that_stand_for_no_class_are_refused() -> None:
    with pytest.raises(DataError, match="beyond the 3"):
        LabelSets(np.array([[1 << 3]], np.uint8), 3)
    with pytest.raises(DataError, match=r"\(documents, 2\)"):
        LabelSets(np.array([[1]], np.uint8), 9)


def test_labels_of_another_number_of_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="for 3 documents, but there are 2"):
        write_store(tmp_path / "store", [[2], [2]], np.eye(3, dtype=int), vocab_size=3)
    assert not (tmp_path / "store").exists()


def test_batches_hold_a_row_of_zeros_and_ones_for_each_document(tmp_path: Path) -> None:
    sets = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 1, 1]])
    store = write_store(tmp_path / "store", [[2]] * 4, sets, vocab_size=3)
    for batch in DocumentBatches(store, [0, 2, 3], batch_size=2, shuffle=True).epoch(0):
        assert batch.labels is not None
        assert batch.labels.tolist() == sets[batch.rows].tolist()


def test_stores_of_other_sets_are_described_otherwise(tmp_path: Path) -> None:
    sets = np.array([[1, 0], [0, 1]])
    stores = [
        write_store(tmp_path / str(i), [[2]] * 2, labels, vocab_size=3)
        for i, labels in enumerate([sets, sets, 1 - sets])
    ]
    first, same, other = (described(store, np.arange(2)) for store in stores)
    assert first == same != other


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_store(tmp_path / "store", [[2]] * 2, [[1, 0, 1], [0, 0, 0]], vocab_size=3)
    return tmp_path / "store"


@pytest.mark.parametrize("classes", [None, 0, -3, "3", 2, 9, True, 3.0, 2**40])
def test_a_number_of_classes_that_does_not_fit_is_refused(folder: Path, classes: Any) -> None:
    head = read_json(folder / "meta.json", "")
    forge(folder, {**head, "label_classes": classes})
    with pytest.raises(FileFormatError):
        TokenStore.open(folder)


def test_altered_bits_are_refused(folder: Path) -> None:
    file = folder / "label_sets.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    with pytest.raises(FileFormatError, match="checksum"):
        TokenStore.open(folder)


def test_two_kinds_of_labels_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_store(other, [[2]] * 2, [0, 1], vocab_size=3)
    (folder / "labels.npy").write_bytes((other / "labels.npy").read_bytes())
    head, of_other = (read_json(at / "meta.json", "") for at in (folder, other))
    for part in ("bytes", "checksums"):
        head[part]["labels.npy"] = of_other[part]["labels.npy"]
    (folder / "meta.json").write_text(json.dumps(sealed(head)), "utf-8")
    with pytest.raises(FileFormatError, match="which labels"):
        TokenStore.open(folder)
