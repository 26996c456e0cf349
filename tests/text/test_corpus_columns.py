"""Labels of a corpus, one or several a document, against plain sets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.coded import Coded
from steadfit.text.corpus import Corpus

NAMES = st.sampled_from(["art", "law", "sport", "Ärzte"])
SETS = st.lists(st.sets(NAMES) | st.lists(NAMES) | st.frozensets(NAMES), min_size=1, max_size=8)


def texts(count: int) -> tuple[str, ...]:
    return tuple(f"text {row}" for row in range(count))


@given(SETS, st.data())
def test_sets_of_labels_are_kept_sorted_and_follow_their_documents(
    sets: list[Any], data: st.DataObject
) -> None:
    corpus = Corpus(texts(len(sets)), labels=sets)
    assert corpus.multi_label
    assert corpus.labels == tuple(tuple(sorted(set(one))) for one in sets)
    assert corpus.classes == tuple(sorted({name for one in sets for name in one}))
    assert Corpus(texts(len(sets))).with_labels(iter(sets)) == corpus
    rows = data.draw(st.permutations(range(len(sets))))
    chosen = corpus.select(rows)
    assert chosen.labels == tuple(corpus.labels[row] for row in rows)
    assert chosen.multi_label


def test_one_label_a_document_stays_coded() -> None:
    corpus = Corpus(texts(2), labels=("a", "b"))
    assert isinstance(corpus.labels, Coded)
    assert not corpus.multi_label
    assert not Corpus(texts(2)).multi_label


def test_a_corpus_is_described_by_how_many_documents_have_each_label() -> None:
    corpus = Corpus(texts(3), labels=[["a", "b"], [], ["b"]])
    assert repr(corpus) == "Corpus(3 documents; a 1, b 2)"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([["a"], "b"], r"labels\[1\] is 'b'; lists or sets"),
        (["a", ["b"]], r"labels\[1\] is \['b'\]; strings"),
        ([["a"], ["b", 3]], r"labels\[1\] holds 3"),
        ([["a", "\ud800"], []], "surrogate"),
        ([["a"]], "2 texts but 1 labels"),
    ],
)
def test_labels_that_do_not_go_together_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Corpus(texts(2), labels=labels)
