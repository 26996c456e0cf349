"""What is counted, beside scikit-learn's own words and pairs of words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from steadfit.core.errors import DataError
from steadfit.linear.counting import count_new, counter_of, features, words_and_pairs

TEXTS = ["Good GOOD film", "it's a film, a good_film!", "not\ngood\t\u00e9t\u00e9 a b", "x y"]


@given(st.text(max_size=60) | st.sampled_from(TEXTS))
def test_they_are_the_words_and_pairs_of_scikit_learn(text: str) -> None:
    peer = CountVectorizer(ngram_range=(1, 2)).build_analyzer()
    assert words_and_pairs(text) == peer(text)


def test_texts_become_what_they_are_to_scikit_learn() -> None:
    ngrams, counts = count_new(TEXTS)
    assert ngrams == CountVectorizer(ngram_range=(1, 2)).fit(TEXTS).get_feature_names_out().tolist()
    assert (counter_of(ngrams).transform(TEXTS) != counts).nnz == 0
    peer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    by_peer = peer.fit_transform(TEXTS).toarray()
    weighed = features(counts, peer.idf_.astype(np.float32)).toarray()
    assert weighed == pytest.approx(by_peer, abs=1e-6)
    assert not weighed[3].any()  # the last text has no word of two letters
    assert (features(counts, None).toarray() == (counts.toarray() > 0)).all()


def test_counts_are_left_as_they_were() -> None:
    ngrams, counts = count_new(TEXTS)
    before = counts.toarray()
    features(counts, None)
    features(counts, np.ones(len(ngrams), dtype=np.float32))
    assert (counts.toarray() == before).all()


@pytest.mark.parametrize("texts", [[], ["", "a !"], [f"word{i}" for i in range(2_000)]])
def test_where_nothing_is_left_to_count_that_is_said(texts: list[str]) -> None:
    with pytest.raises(DataError, match="nothing to count"):
        count_new(texts)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl", "mn"]), max_size=8),
        max_size=8,
    )
)
def test_what_stands_in_two_texts_is_counted_and_nothing_else(words: list[list[str]]) -> None:
    texts = [" ".join(one) for one in words] + ["xy zz"] * 2_000
    ngrams, counts = count_new(texts)
    peer = CountVectorizer(ngram_range=(1, 2), min_df=2)
    by_peer = peer.fit_transform(texts)
    assert ngrams == peer.get_feature_names_out().tolist()
    assert (counts != by_peer).nnz == 0


def test_ngrams_that_share_a_place_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadfit.linear.counting.hash", lambda _: 7, raising=False)
    ngrams, _ = count_new(["one two", "two three", *["xy zz"] * 2_000])
    assert ngrams == ["two", "xy", "xy zz", "zz"]
