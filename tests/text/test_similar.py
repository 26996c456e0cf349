"""All pairs of similar sets, beside every pair compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.text.similar import Sets, similar_pairs

members = st.sets(st.integers(0, 12), max_size=9)


def sets_of(sets: list[set[int]]) -> Sets:
    flat = [member for one in sets for member in sorted(one)]
    return Sets(np.array(flat, np.uint64), np.array([len(one) for one in sets], np.int64))


def by_loop(sets: list[set[int]], threshold: float) -> dict[tuple[int, int], float]:
    found = {}
    for b in range(len(sets)):
        for a in range(b):
            union = sets[a] | sets[b]
            if union and (alike := len(sets[a] & sets[b]) / len(union)) >= threshold:
                found[a, b] = alike
    return found


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.6, 2 / 3, 0.8, 1.0])
@given(sets=st.lists(members, max_size=14))
def test_all_pairs_that_are_similar_are_found_and_no_others(
    threshold: float, sets: list[set[int]]
) -> None:
    found = similar_pairs(sets_of(sets), threshold)
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    similarity = dict(zip(pairs, found.similarity.tolist(), strict=True))
    assert similarity == by_loop(sets, threshold)
    assert len(found.first) == len(similarity)
    assert found.complete


def test_large_groups_of_different_sizes_are_searched_whole() -> None:
    rng = np.random.default_rng(0)
    sets = [
        set(range(70)) - set(rng.integers(70, size=rng.integers(30)).tolist()) for _ in range(90)
    ]
    found = similar_pairs(sets_of(sets), 0.8)
    expected = by_loop(sets, 0.8)
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    assert set(pairs) == set(expected)
    assert 200 < len(expected) < 4_000


def test_with_fewer_comparisons_only_true_pairs_are_found_and_it_says_so() -> None:
    sets = [set(range(20)) - {i % 20} for i in range(200)]
    found = similar_pairs(sets_of(sets), 0.8, most=500)
    assert not found.complete
    assert set(found.first.tolist()) | set(found.second.tolist()) == set(range(200))
    expected = by_loop(sets, 0.8)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs < set(expected)


def test_as_many_comparisons_as_are_needed_are_enough() -> None:
    sets = [{1, 2}, {1, 2}, {1, 2}]  # one member of each is compared, in three pairs
    assert similar_pairs(sets_of(sets), 1.0, most=3).complete
    assert not similar_pairs(sets_of(sets), 1.0, most=2).complete
