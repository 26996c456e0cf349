"""Texts → how often words and pairs of words occur in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError

FEW = 2_000  # documents: below, words that occur once are worth keeping
_WORD = re.compile(r"\b\w\w+\b")


def words_and_pairs(text: str) -> list[str]:
    """Return the words of two letters or more in lower case, then each two neighbours."""
    words: list[str] = _WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def least_documents(documents: int) -> int:
    """Return in how many of the training texts an n-gram has to occur."""
    return 1 if documents < FEW else 2


def count_new(texts: Sequence[str]) -> tuple[list[str], Any]:
    """Return the n-grams of training texts, in order, and a sparse matrix (texts, n-grams).

    Raises:
        DataError: there is nothing to count.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        analyzer=words_and_pairs, min_df=least_documents(len(texts)), dtype=np.float64
    )
    try:
        counts = counter.fit_transform(texts)
    except ValueError as error:
        raise DataError(
            "The training texts share no words of two letters or more, so there is nothing to "
            "count. Look at the texts."
        ) from error
    return counter.get_feature_names_out().tolist(), counts


def counter_of(ngrams: Sequence[str]) -> Any:
    """Return what counts these n-grams: its `transform` gives a matrix (texts, n-grams)."""
    from sklearn.feature_extraction.text import CountVectorizer

    places = {ngram: place for place, ngram in enumerate(ngrams)}
    counter = CountVectorizer(analyzer=words_and_pairs, vocabulary=places, dtype=np.float64)
    counter.transform([])  # it takes the vocabulary over on its first call: before it is shared
    return counter


def features(counts: Any, idf: NDArray[np.float32] | None) -> Any:
    """Return what a linear model weighs, (texts, n-grams).

    Without `idf` (n-grams,): one where an n-gram occurs. With it: (1 + log count) · idf, each text
    divided by its Euclidean norm.
    """
    weighed = counts.copy()
    if idf is None:
        weighed.data[:] = 1
        return weighed
    weighed.data = (1 + np.log(weighed.data)) * idf[weighed.indices]
    lengths = np.sqrt(np.asarray(weighed.power(2).sum(axis=1)).ravel())
    weighed.data /= np.repeat(lengths, np.diff(weighed.indptr))
    return weighed
