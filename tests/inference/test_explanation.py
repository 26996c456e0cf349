"""The words that weigh most, whatever their number."""

from __future__ import annotations

import heapq
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.inference.explanation import Explanation


def explanation(weights: list[int]) -> Explanation:
    words = tuple(f"w{n}" for n in range(len(weights)))
    text = " ".join(words)
    begins = [text.index(word) for word in words]
    spans = tuple((begin, begin + len(w)) for begin, w in zip(begins, words, strict=True))
    ones = (1,) * len(words)
    return Explanation(text, "a", 0.5, "occlusion", words, spans, tuple(map(float, weights)), ones)


@given(st.lists(st.integers(-9, 9), max_size=9), st.integers(0, 11))
def test_as_many_are_told_as_were_asked_for(weights: list[int], count: int) -> None:
    words_for, words_against = explanation(weights).top(count)
    assert [place.weight for place in words_for] == heapq.nlargest(
        count, [weight for weight in weights if weight > 0]
    )
    assert [place.weight for place in words_against] == heapq.nsmallest(
        count, [weight for weight in weights if weight < 0]
    )


@pytest.mark.parametrize("count", [-1, 1.5, "2", None])
def test_a_number_of_words_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(DataError, match="count is"):
        explanation([1, -1]).top(count)
