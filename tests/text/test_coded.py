"""Coded strings are a tuple to everybody who reads them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.text.coded import Coded
from steadfit.text.compact import Gathered, compact

STRINGS = st.lists(st.sampled_from(["train", "valid", "", "é"]), max_size=12)


@given(STRINGS, STRINGS, st.slices(12))
def test_they_are_equal_to_a_tuple_in_all_that_a_sequence_does(strings, others, part):
    kept, plain = Coded.of(strings), tuple(strings)
    assert (kept == plain) is (plain == kept) is True
    assert hash(kept) == hash(plain)
    assert len(kept) == len(plain)
    assert list(kept) == strings
    assert [kept[row] for row in range(-len(plain), len(plain))] == strings * 2
    assert kept[part] == plain[part]
    assert kept.index(plain[-1]) == plain.index(plain[-1]) if plain else not kept
    assert [name in kept for name in ("train", "é", "no", 1)] == [
        name in plain for name in ("train", "é", "no", 1)
    ]
    assert (kept == Coded.of(others)) is (kept == tuple(others)) is (strings == others)
    assert kept != strings


@given(STRINGS.filter(len), st.data())
def test_what_is_selected_knows_only_what_it_holds(strings, data):
    rows = data.draw(st.lists(st.integers(0, len(strings) - 1)))
    picked = Coded.of(strings).select(rows)
    expected = tuple(strings[row] for row in rows)
    assert picked == expected == Coded.of(expected)
    assert sorted(picked.different) == sorted(set(expected))
    assert picked.rows_of("valid").tolist() == [
        row for row, name in enumerate(expected) if name == "valid"
    ]
    assert picked.rows_of("nowhere").tolist() == []


def test_a_place_takes_one_byte_for_256_strings_and_two_for_more():
    assert Coded.of(map(str, range(256))).codes.nbytes == 256
    assert Coded.of(map(str, range(257))).codes.nbytes == 514


def test_nothing_changes_them_not_even_through_the_array_they_came_from():
    numbers = np.array([0, 1], np.uint8)
    kept = Coded(numbers, ("a", "b"))
    for one in (kept, copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert one == ("a", "b")
        with pytest.raises(ValueError, match="read-only"):
            one.codes[0] = 1
    numbers[0] = 1
    assert kept == ("a", "b")


def test_what_is_shown_is_a_tuple_until_it_is_long():
    assert repr(Coded.of("ab")) == "('a', 'b')"
    assert repr(Coded.of("ab" * 600)) == "('a', 'b'" + ", 'a', 'b'" * 4 + ", ... 1,200 in all)"


@given(st.lists(st.integers(0, 2**62), max_size=5))
def test_compact_numbers_are_the_same_in_the_fewest_bytes_that_hold_the_largest(numbers):
    small = compact(np.array(numbers, np.int64))
    assert small.tolist() == numbers
    largest = max(numbers, default=0)
    assert small.itemsize == next(size for size in (1, 2, 4, 8) if largest < 256**size)


@given(st.lists(st.integers(0, 2**62), max_size=9))
def test_numbers_that_come_one_by_one_are_the_same_in_the_end(numbers):
    gathered = Gathered()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steadfit.text.compact._PART", 3)
        for count, number in enumerate(numbers, start=1):
            gathered.append(number)
            assert len(gathered) == count
    small = gathered.numbers()
    assert small.tolist() == numbers
    assert small.dtype == compact(np.array(numbers, np.int64)).dtype
