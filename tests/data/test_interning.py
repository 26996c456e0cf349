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
    st.integers(1, 60),
)
def test_counts_and_ids_are_those_of_plain_counting(documents, most, max_vocab, min_freq, small):
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_READ", small)
        patch.setattr(module, "_BLOCK", small // 4)
        interning = Interning(file, most)
        numbers = []
        for document, counted in documents:
            numbers.append(np.array([interning[word] for word in document], np.uint32))
            ended = interning.document_done(numbers[-1], counted)
            assert len(interning) < most
            assert not (ended and interning)
        interning.end_span()
        vocab = interning.counted(max_vocab, min_freq)
        counter = Counter(word for document, counted in documents if counted for word in document)
        assert vocab == Vocab.from_counts([*counter], [*counter.values()], max_vocab, min_freq)
        tables = [
            interning.table(span, vocab) for span in interning.spans for _ in range(span.documents)
        ]
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


def test_numbers_begin_again_where_words_were_forgotten():
    with tempfile.TemporaryFile() as file:
        interning = Interning(file, 2)
        given_out = []
        for word in ("a", "b", "b", "a", "d"):
            given_out.append(interning[word])
            interning.document_done(np.zeros(0, np.uint32), True)
        interning.end_span()
        assert given_out == [0, 1, 0, 1, 0]
        assert [(span.documents, span.words) for span in interning.spans] == [
            (2, 2),
            (2, 2),
            (1, 1),
        ]
