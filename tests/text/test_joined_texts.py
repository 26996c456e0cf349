"""Joined texts are what a list of all of them is, and stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.text.corpus import Corpus
from steadfit.text.file_texts import FileTexts
from steadfit.text.joined_texts import joined
from steadfit.text.lazy_strings import LazyStrings


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FileTexts:
    root = tmp_path_factory.mktemp("texts")
    names = tuple(f"{row}.txt" for row in range(8))
    for name in names:
        (root / name).write_text(f"text of {name}", encoding="utf-8")
    return FileTexts(root, names)


@given(st.data())
def test_they_are_a_list_of_all_of_them(files: FileTexts, data: st.DataObject) -> None:
    plain = st.lists(st.text(max_size=3), max_size=4)
    lazy = st.integers(0, 8).map(lambda count: files[:count])
    parts: list[Sequence[str]] = data.draw(st.lists(st.one_of(plain, lazy), max_size=4))
    found, wanted = joined(*parts), [text for part in parts for text in part]
    for _ in range(3):
        assert list(found) == wanted
        assert [found[place] for place in range(-len(wanted), len(wanted))] == 2 * wanted
        cut = slice(*sorted(data.draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))))
        assert list(found[cut]) == wanted[cut]
        if not isinstance(found, LazyStrings):
            break
        rows = data.draw(st.permutations(range(len(wanted))))[: data.draw(st.integers(0, 9))]
        found, wanted = found.select(rows), [wanted[row] for row in rows]


def test_none_is_read_before_it_is_asked_for(files: FileTexts, tmp_path: Path) -> None:
    gone = FileTexts(tmp_path, ("gone.txt", "gone, too.txt"))
    corpus = Corpus(joined(["one", "two"], gone, files)).split_by_rows([0, 3, 5])
    assert list(corpus.texts[4:6]) == ["text of 0.txt", "text of 1.txt"]
    assert len(corpus.part("valid")) == 3
    assert isinstance(corpus.part("valid").texts, LazyStrings)


def test_one_part_and_plain_lists_are_what_they_were(files: FileTexts) -> None:
    assert joined([], files, []) is files
    assert joined(["a"], ("b", "c")) == ["a", "b", "c"]
    assert joined() == []


def test_those_of_the_same_places_are_equal(files: FileTexts) -> None:
    first, second = joined(["a"], files), joined(["a"], files)
    assert first == second
    assert hash(first) == hash(second)
    assert isinstance(first, LazyStrings)
    assert first.select(np.array([1, 2])) != second
    assert first != list(first)
