"""Words that are forgotten on the way are counted as if they were not."""

from __future__ import annotations

import tempfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.data import interning as module
from steadfit.data.interning import Interning
from steadfit.data.prepare import prepare_tokens
from steadfit.text.readers import read_texts
from steadfit.text.vocab import UNK, Vocab

WORD = st.text("ab\n\ud800", min_size=1, max_size=2) | st.sampled_from(["xxbos", "xxpad"])


@given(
    st.lists(st.tuples(st.lists(WORD, max_size=8), st.booleans()), max_size=12),
    st.integers(1, 5),
    st.integers(9, 16),
    st.integers(1, 3),
    st.integers(1, 9),
)
def test_counts_and_ids_are_those_of_plain_counting(documents, most, max_vocab, min_freq, small):
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TOGETHER", small)
        patch.setattr(module, "_BLOCK", small)
        interning = Interning(file, most)
        numbers = []
        for document, counted in documents:
            numbers.append(np.array([interning[word] for word in document], np.uint32))
            before = dict(interning)
            freed = interning.document_done(numbers[-1], counted)
            assert len(interning) < most
            if freed is not None:
                assert before.items() >= interning.items()
                assert freed >= {*before.values()} - {*interning.values()}
                assert freed.isdisjoint(interning.values())
        interning.end_span()
        vocab = interning.counted(max_vocab, min_freq)
        counter = Counter(word for document, counted in documents if counted for word in document)
        assert vocab == Vocab.from_counts([*counter], [*counter.values()], max_vocab, min_freq)
        spans = zip(interning.spans, interning.tables(vocab), strict=True)
        tables = [table for span, table in spans for _ in range(span.documents)]
        ids = [table[document].tolist() for table, document in zip(tables, numbers, strict=True)]
        assert ids == [vocab.ids(document) for document, _ in documents]


def test_a_store_is_the_same_however_few_words_are_held(tmp_path, monkeypatch):
    corpus = read_texts([f"the {n % 7} word w{n} and v{n % 50}" for n in range(200)])
    held, vocab = prepare_tokens(corpus, cache=tmp_path / "held")
    monkeypatch.setattr(Interning.__init__, "__defaults__", (5,))
    few, other = prepare_tokens(corpus, cache=tmp_path / "few")
    assert other == vocab
    assert few.tokens.tolist() == held.tokens.tolist()
    assert (few.tokens == UNK).any()


def test_frequent_words_keep_their_numbers_and_others_get_those_of_rare_ones():
    with tempfile.TemporaryFile() as file:
        interning = Interning(file, 4)
        spans = []
        for text in ("a b c c a", "d b", "e a b c", "f a f f f g a g h", "c d"):
            numbers = [interning[word] for word in text.split()]
            interning.document_done(np.array(numbers, np.uint32), True)
            spans.append((numbers, dict(interning)))
        assert spans == [
            ([0, 1, 2, 2, 0], {"a": 0, "b": 1, "c": 2}),
            ([3, 1], {"a": 0, "b": 1, "c": 2}),
            ([3, 0, 1, 2], {"a": 0, "b": 1, "c": 2}),
            ([3, 0, 3, 3, 3, 4, 0, 4, 5], {"a": 0, "b": 1, "f": 3}),
            ([2, 4], {"a": 0, "b": 1, "f": 3}),
        ]
