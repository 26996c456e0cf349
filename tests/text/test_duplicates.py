"""Duplicates beside every pair of documents compared as sets of tuples of words."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.duplicates import Pair, find_duplicates, rows_to_leave_out
from steadfit.text.shingles import Shingler, plain_words

SIDES = ("train", "valid", "test")
texts = st.lists(st.sampled_from("ab"), max_size=7).map(" ".join)
documents = st.lists(st.tuples(texts, st.sampled_from("xy"), st.sampled_from(SIDES)), max_size=12)


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + size]) for i in range(max(len(words) - size + 1, 1))}


def jaccard(one: str, other: str, size: int) -> float:
    a, b = shingles(one, size), shingles(other, size)
    return len(a & b) / len(a | b)


def corpus_of(rows: list[tuple[str, str, str]]) -> Corpus:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    return Corpus(columns[0], labels=columns[1], split=columns[2])


@given(documents, st.sampled_from([0.4, 0.5, 0.75, 1.0]), st.integers(1, 3))
def test_what_is_found_is_what_comparing_all_pairs_finds(
    rows: list[tuple[str, str, str]], threshold: float, size: int
) -> None:
    alike = {}
    for i, j in combinations(range(len(rows)), 2):
        (one, _, side), (other, _, other_side) = rows[i], rows[j]
        if one and other and (side != other_side or side == "train"):
            value = jaccard(one, other, size)
            if value >= threshold:
                alike[i, j] = value
    found = find_duplicates(corpus_of(rows), threshold, size)
    listed = {(one, other): value for one, other, value in found.between + found.inside}
    assert listed == alike
    assert sum(found.totals.values()) == len(alike)
    for side, other in combinations(SIDES, 2):
        count = sum({rows[i][2], rows[j][2]} == {side, other} for i, j in alike)
        assert found.totals.get((side, other), 0) == count
    assert {(i, j) for i, j, _ in found.inside} == {
        (i, j) for i, j in alike if rows[i][2] == rows[j][2]
    }
    different = {(i, j) for i, j in alike if rows[i][1] != rows[j][1]}
    assert {(i, j) for i, j, _ in found.conflicts} == different
    assert found.conflicts_total == len(different)
    ends = [(i, j) for i, j in alike if (rows[i][2] == "train") != (rows[j][2] == "train")]
    both = {row for pair in ends for row in pair}
    assert found.leaking.tolist() == sorted(row for row in both if rows[row][2] == "train")
    assert found.leaked.tolist() == sorted(row for row in both if rows[row][2] != "train")
    kept: list[int] = []
    for row in (row for row in range(len(rows)) if rows[row][2] == "train"):
        if not any((earlier, row) in alike for earlier in kept):
            kept.append(row)
    trained = [row for row in range(len(rows)) if rows[row][2] == "train"]
    assert found.repeated.tolist() == [row for row in trained if row not in kept]


def prose(seed: int, words: int) -> list[str]:
    return [f"w{n}" for n in np.random.default_rng(seed).zipf(1.3, size=words) % 5_000]


def test_planted_near_duplicates_are_found_among_others_that_are_not() -> None:
    originals = [prose(seed, 120) for seed in range(60)]
    changed = [[*words[:50], "changed", *words[51:]] for words in originals[:5]]
    halves = [words[:60] + prose(100 + i, 60) for i, words in enumerate(originals[5:10])]
    all_texts = [" ".join(words) for words in (*originals, *changed, *halves)]
    corpus = Corpus(all_texts, split=["train"] * 60 + ["test"] * 10)
    found = find_duplicates(corpus)
    assert [(i, j) for i, j, _ in sorted(found.between)] == [(i, 60 + i) for i in range(5)]
    assert all(0.8 <= value < 1 for _, _, value in found.between)
    assert rows_to_leave_out(found).tolist() == [0, 1, 2, 3, 4]
    assert found.leaked.tolist() == [60, 61, 62, 63, 64]


def test_case_markup_spaces_and_punctuation_make_no_difference() -> None:
    same = [
        "A <br />fine&nbsp;film &amp; more!",
        "a FINE  film, more",
        "a\nfine film... <b>more</b>",
    ]
    found = find_duplicates(Corpus([*same, "a finer film more"]))
    assert found.inside == (Pair(0, 1, 1.0), Pair(0, 2, 1.0), Pair(1, 2, 1.0))
    assert found.repeated.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a < b and c > d", ["a", "b", "and", "c", "d"]),
        ("Straße ＡＢ", ["strasse", "ab"]),
        ("cafe\u0301", ["café"]),
        ("好电影 good", ["好", "电", "影", "good"]),
        ("&#65;&#00000000000000000065; <!-- x -->y", ["a", "00000000000000000065", "y"]),
        ("\ud800 x", ["x"]),
        ("…", []),
    ],
)
def test_words_are_plain(text: str, words: list[str]) -> None:
    assert plain_words(text) == words


def test_shingles_of_a_block_are_those_of_each_text_alone() -> None:
    block = [["a", "b"], [], list("abcabcabc"), ["c"], list("abc")]
    members, sizes = Shingler(3)(block)
    assert sizes.tolist() == [1, 0, 3, 1, 1]
    each = [Shingler(3)([words])[0].tolist() for words in block]
    assert members.tolist() == [number for one in each for number in one]
    assert each[4][0] in each[2]
    assert len({*each[0], *each[2], *each[3]}) == 5


def test_documents_without_a_word_are_no_duplicates() -> None:
    found = find_duplicates(Corpus(["", " ", "!", "a"], split=["train", "test", "test", "train"]))
    assert (found.documents, found.totals) == (1, {})
    assert str(found).startswith("Documents of valid and test that also stand in training: 0;")


def test_many_copies_are_counted_and_few_are_listed() -> None:
    corpus = Corpus(["a b"] * 300, labels=["x", "y"] * 150, split=["train"] * 200 + ["test"] * 100)
    found = find_duplicates(corpus, most=3)
    assert found.totals == {("train", "train"): 19_900, ("train", "test"): 20_000}
    assert len(found.between) == len(found.inside) == len(found.conflicts) == 3
    assert found.conflicts_total == 100 * 100 + 100 * 50 * 2
    assert rows_to_leave_out(found, leaking=False, repeated=True).tolist() == list(range(1, 200))
    assert rows_to_leave_out(found).tolist() == list(range(200))
    assert rows_to_leave_out(found, leaking=False).tolist() == []
    assert str(found) == (
        "Documents of valid and test that also stand in training: 100 (pairs train–test 20,000); "
        "training documents that repeat an earlier one: 199; pairs with different labels: 20,000."
    )


@pytest.mark.parametrize(
    "given_", [{"threshold": 0}, {"threshold": 1.1}, {"threshold": "x"}, {"words": 0}, {"most": -1}]
)
def test_numbers_out_of_range_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        find_duplicates(Corpus(["a"]), **given_)
