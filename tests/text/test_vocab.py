"""The vocabulary: order, limits, unknown tokens, refusals."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.vocab import BOS, MARKERS, PAD, UNK, Vocab

COUNTS = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 9), max_size=30)


def test_markers_stand_where_fastai_1_has_them() -> None:
    assert " ".join(MARKERS) == "xxunk xxpad xxbos xxeos xxfld xxmaj xxup xxrep xxwrep"
    assert (MARKERS[UNK], MARKERS[PAD], MARKERS[BOS]) == ("xxunk", "xxpad", "xxbos")


def test_tokens_follow_by_falling_count_and_ties_by_token() -> None:
    vocab = Vocab.from_counts(["b", "c", "a", "rare", "xxmaj"], [5, 9, 5, 2, 99])
    assert vocab.itos == (*MARKERS, "c", "a", "b")


def test_max_vocab_counts_the_markers() -> None:
    vocab = Vocab.from_counts(["a", "b", "c"], [3, 4, 5], max_vocab=len(MARKERS) + 2)
    assert vocab.itos == (*MARKERS, "c", "b")


@given(COUNTS, st.integers(0, 99))
def test_the_order_of_counting_leaves_no_trace(counts: dict[str, int], seed: int) -> None:
    items = list(counts.items())
    shuffled = random.Random(seed).sample(items, len(items))
    first = Vocab.from_counts([t for t, _ in items], [c for _, c in items])
    second = Vocab.from_counts([t for t, _ in shuffled], [c for _, c in shuffled])
    assert first == second
    assert first.fingerprint == second.fingerprint
    assert set(first.itos) == {t for t, c in items if c >= 3} | set(MARKERS)


@given(COUNTS)
def test_ids_and_tokens_are_inverse(counts: dict[str, int]) -> None:
    vocab = Vocab.from_counts(list(counts), list(counts.values()), min_freq=1)
    assert vocab.ids(vocab.itos) == list(range(len(vocab)))
    assert vocab.textify(range(len(vocab)), sep="\n\0") == "\n\0".join(vocab.itos)
    assert [vocab.stoi[token] for token in vocab.itos] == [vocab.id(token) for token in vocab.itos]


def test_unknown_tokens_are_xxunk() -> None:
    assert Vocab([*MARKERS, "a"]).ids(["a", "b", "xxbos"]) == [9, UNK, BOS]


def test_fingerprint_sees_where_a_token_ends() -> None:
    assert Vocab([*MARKERS, "ab", "c"]).fingerprint != Vocab([*MARKERS, "a", "bc"]).fingerprint


def test_copies_are_equal() -> None:
    vocab = Vocab([*MARKERS, "a"])
    assert copy.deepcopy(vocab) == vocab
    assert vocab != Vocab([*MARKERS, "b"])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "must start with the markers"),
        (["a", *MARKERS], "must start with the markers"),
        ([*MARKERS, "a", "b", "a"], "'a' comes twice, the second time at index 11"),
        ([*MARKERS, "xxbos"], "'xxbos' comes twice"),
        ([*MARKERS, 7], "Token 9 is 7"),
    ],
)
def test_a_faulty_list_is_refused(tokens: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocab(tokens)


def test_faulty_arguments_are_refused() -> None:
    with pytest.raises(DataError, match="2 tokens came with 1 counts"):
        Vocab.from_counts(["a", "b"], [1])
    with pytest.raises(DataError, match="max_vocab is 8"):
        Vocab.from_counts([], [], max_vocab=8)
    with pytest.raises(DataError, match="min_freq is 0"):
        Vocab.from_counts([], [], min_freq=0)
    with pytest.raises(DataError, match="'a' comes twice"):
        Vocab.from_counts(["a", "a"], [3, 4])


@pytest.mark.parametrize("index", [-1, 9])
def test_an_id_of_another_vocabulary_is_refused(index: int) -> None:
    with pytest.raises(DataError, match=f"Token id {index} .* 0 to 8"):
        Vocab(MARKERS).textify([0, index])
