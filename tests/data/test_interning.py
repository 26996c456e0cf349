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
    st.lists(st.lists(WORD, max_size=8), max_size=12),
    st.integers(1, 5),
    st.integers(9, 16),
    st.integers(1, 3),
)
def test_counts_and_ids_are_those_of_plain_counting(documents, most, max_vocab, min_freq):
    words = [word for document in documents for word in document]
    with tempfile.TemporaryFile() as file:
        interning = Interning(file, most)
        ids = []
        for document in documents:
            ids += [interning[word] for word in document]
            interning.forget()
            assert len(interning) < most
        assert [list(interning.words())[number] for number in ids] == words
        counts = np.bincount(np.array(ids, np.int64), minlength=interning.ids)
        vocab = interning.counted(counts, max_vocab, min_freq)
        counter = Counter(words)
        assert vocab == Vocab.from_counts([*counter], [*counter.values()], max_vocab, min_freq)
        table = interning.table(vocab)
        assert table[np.array(ids, np.int64)].tolist() == vocab.ids(words)


def test_a_store_is_the_same_however_few_words_are_held(tmp_path, monkeypatch):
    corpus = read_texts([f"the {n % 7} word w{n} and v{n % 50}" for n in range(200)])
    held, vocab = prepare_tokens(corpus, cache=tmp_path / "held")
    monkeypatch.setattr(module, "MOST_WORDS", 5)
    monkeypatch.setattr(Interning.__init__, "__defaults__", (5,))
    few, other = prepare_tokens(corpus, cache=tmp_path / "few")
    assert other == vocab
    assert few.tokens.tolist() == held.tokens.tolist()
    assert (few.tokens == UNK).any()


@pytest.mark.parametrize("most", [1, 3, 100])
def test_ids_go_on_where_words_were_forgotten(most):
    with tempfile.TemporaryFile() as file:
        interning = Interning(file, most)
        given_out = []
        for word in ("a", "b", "c", "a", "d"):
            given_out.append(interning[word])
            interning.forget()
        assert list(dict.fromkeys(given_out)) == list(range(interning.ids))
