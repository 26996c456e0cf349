"""Texts → how often words and pairs of words occur in each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError

FEW = 2_000  # documents: below, words that occur once are worth keeping
_WORD = re.compile(r"\b\w\w+\b")
_LARGEST_TABLE = 27  # the logarithm of its bytes, to the base of two
_ENOUGH = 2  # documents: from there on the table counts no further


class NothingToCount(DataError):
    """Training texts in which no word or pair of words can be counted."""


def words_and_pairs(text: str) -> list[str]:
    """Return the words of two letters or more in lower case, then each two neighbours."""
    words: list[str] = _WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def least_documents(documents: int) -> int:
    """Return in how many of the training texts an n-gram has to occur."""
    return 1 if documents < FEW else 2


def count_new(texts: Sequence[str]) -> tuple[list[str], Any]:
    """Return the n-grams of training texts, in order, and a sparse matrix (texts, n-grams).

    Most pairs of words stand in one document only. Where those are left out they are not held
    either: they would need more memory than all the rest.

    Raises:
        NothingToCount: there is nothing to count.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    least = least_documents(len(texts))
    analyzer = words_and_pairs if least < _ENOUGH else _repeated(texts)
    counter = CountVectorizer(analyzer=analyzer, min_df=least, dtype=np.int32)
    try:
        counts = counter.fit_transform(texts)
    except ValueError as error:
        raise NothingToCount(
            "The training texts share no words of two letters or more, so there is nothing to "
            "count. Look at the texts."
        ) from error
    return counter.get_feature_names_out().tolist(), counts


def counter_of(ngrams: Sequence[str]) -> Any:
    """Return what counts these n-grams: its `transform` gives a matrix (texts, n-grams)."""
    from sklearn.feature_extraction.text import CountVectorizer

    places = {ngram: place for place, ngram in enumerate(ngrams)}
    counter = CountVectorizer(analyzer=words_and_pairs, vocabulary=places, dtype=np.int32)
    counter.transform([])  # it takes the vocabulary over on its first call: before it is shared
    return counter


def features(counts: Any, idf: NDArray[np.float32] | None) -> Any:
    """Return what a linear model weighs, (texts, n-grams).

    Without `idf` (n-grams,): one where an n-gram occurs. With it: (1 + log count) · idf, each text
    divided by its Euclidean norm.
    """
    if idf is None:
        return with_values(counts, lambda there: np.ones(there.nnz))
    weights = idf.astype(np.float64)
    weighed = with_values(counts, lambda there: (1 + np.log(there.data)) * weights[there.indices])
    lengths = np.sqrt(np.asarray(weighed.power(2).sum(axis=1)).ravel())
    weighed.data /= np.repeat(lengths, np.diff(weighed.indptr))
    return weighed


def with_values(counts: Any, values: Callable[[Any], NDArray[np.float64]]) -> Any:
    """Return a matrix with other values at the same places, which it shares with `counts`.

    Args:
        counts: a sparse matrix (texts, n-grams); its entries are put in order.
        values: of each entry (entries,), from `counts`.
    """
    # Before the places are shared: a solver would put those of its matrix in order, and with them
    # the places, but not the values, of `counts`.
    counts.sort_indices()
    return type(counts)((values(counts), counts.indices, counts.indptr), shape=counts.shape)


def _repeated(texts: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what finds the n-grams of a text, without most of those that no other text has.

    Each n-gram counts in one byte of a table, at a place its hash gives. Two may share a place, so
    a few are kept that stand in one text only; but none is lost that stands in two.
    """
    size = 1 << min(_LARGEST_TABLE, max(16, (1_000 * len(texts)).bit_length()))
    table = np.zeros(size, np.uint8)

    def places(ngrams: list[str]) -> NDArray[np.int64]:
        return np.fromiter((hash(one) & (size - 1) for one in ngrams), np.int64, len(ngrams))

    for text in texts:
        once = np.unique(places(words_and_pairs(text)))
        table[once] = np.minimum(table[once] + 1, _ENOUGH)

    def repeated(text: str) -> list[str]:
        ngrams = words_and_pairs(text)
        there = table[places(ngrams)] >= _ENOUGH
        return [one for one, kept in zip(ngrams, there.tolist(), strict=True) if kept]

    return repeated
