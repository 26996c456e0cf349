"""Corpora with sets of labels become stores that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import read_json
from steadfit.data.label_sets import LabelSets
from steadfit.data.prepare import open_tokens, prepare_tokens
from steadfit.text.corpus import Corpus
from tests.data.test_hostile_store import forge

TEXTS = ("a film", "a law", "a law film", "a day")
SETS = (["film"], ["law"], ["law", "film"], [])
CORPUS = Corpus(TEXTS, labels=SETS)


def test_sets_of_labels_become_rows_over_the_classes_found(tmp_path: Path) -> None:
    store, _ = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path)
    assert store.meta["classes"] == ["film", "law"]
    assert isinstance(store.labels, LabelSets)
    assert store.labels[np.arange(4)].tolist() == [[1, 0], [0, 1], [1, 1], [0, 0]]
    again, _ = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path)
    assert again.folder == store.folder


def test_classes_that_are_given_decide_the_columns(tmp_path: Path) -> None:
    classes = ["law", "sport", "film"]
    store, _ = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path, classes=classes)
    assert isinstance(store.labels, LabelSets)
    assert store.labels[np.arange(4)].tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]]
    with pytest.raises(DataError, match=r"2 of 4 documents have labels outside .*'law': 2"):
        prepare_tokens(CORPUS, min_freq=1, cache=tmp_path, classes=["film", "sport"])


def test_sets_of_labels_that_are_all_empty_need_classes(tmp_path: Path) -> None:
    corpus = Corpus(TEXTS, labels=([], [], [], []))
    for none in (None, []):
        with pytest.raises(DataError, match=r"None of the 4 documents has a label.*give classes"):
            prepare_tokens(corpus, min_freq=1, cache=tmp_path, classes=none)
    store, _ = prepare_tokens(corpus, min_freq=1, cache=tmp_path, classes=["film"])
    assert isinstance(store.labels, LabelSets)
    assert store.labels[np.arange(4)].tolist() == [[0], [0], [0], [0]]


def test_other_sets_are_another_store(tmp_path: Path) -> None:
    other = Corpus(TEXTS, labels=(["film"], ["law"], ["film"], ["law"]))
    single = Corpus(TEXTS, labels=("film", "law", "film", "law"))
    folders = {
        prepare_tokens(corpus, min_freq=1, cache=tmp_path)[0].folder
        for corpus in (CORPUS, other, single)
    }
    assert len(folders) == 3


def test_a_store_whose_sets_have_more_classes_than_it_names_is_refused(tmp_path: Path) -> None:
    store, _ = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path)
    head = read_json(store.folder / "meta.json", "")
    head["meta"]["classes"].append("sport")
    forge(store.folder, head)
    with pytest.raises(FileFormatError, match="beyond the 3 classes"):
        open_tokens(store.folder)
