"""The vocabulary: fastai's words in fastai's order, under other numbers and without padding."""

from __future__ import annotations

import random

import pytest

from steadfit.text.vocab import MARKERS, Vocab
from tests.conformance.peer import AskPeer


def counts(words: int, seed: int, ties: bool = False) -> list[tuple[str, int]]:
    rng = random.Random(seed)
    numbers = [3 if ties else 1 + i for i in range(words)]
    found = [(f"w{i}", n) for i, n in enumerate(numbers)] + [("xxbos", 900), ("xxmaj", 500)]
    rng.shuffle(found)
    return found


def ours_and_fastais(
    ask_fastai: AskPeer, found: list[tuple[str, int]], max_vocab: int, min_freq: int
) -> tuple[Vocab, list[str]]:
    answer = ask_fastai(
        "vocabulary", counts=found, max_vocab=max_vocab, min_freq=min_freq, tokens=[]
    )
    tokens, numbers = zip(*found, strict=True)
    return Vocab.from_counts(tokens, numbers, max_vocab, min_freq), answer.values["itos"]


@pytest.mark.parametrize(("max_vocab", "min_freq"), [(60_000, 3), (60_000, 1), (40, 2), (16, 3)])
def test_the_same_words_are_kept_in_the_same_order(
    ask_fastai: AskPeer, max_vocab: int, min_freq: int
) -> None:
    vocab, itos = ours_and_fastais(ask_fastai, counts(70, seed=max_vocab), max_vocab, min_freq)
    assert set(itos[: len(MARKERS)]) == set(MARKERS)
    assert list(vocab.itos[len(MARKERS) :]) == [t for t in itos[len(MARKERS) :] if t != "xxfake"]


def test_fastai_pads_with_a_word_nobody_wrote_beyond_what_was_allowed_and_we_do_not(
    ask_fastai: AskPeer,
) -> None:
    vocab, itos = ours_and_fastais(ask_fastai, counts(70, seed=1), max_vocab=16, min_freq=1)
    assert (len(itos), itos.count("xxfake")) == (24, 8)
    assert len(vocab) == 16
    assert "xxfake" not in vocab


def test_words_of_one_count_stand_by_their_letters_whatever_came_first(ask_fastai: AskPeer) -> None:
    # In fastai they stand as they came, so that two runs may number them differently.
    one, other = counts(20, seed=1, ties=True), counts(20, seed=2, ties=True)
    ours, fastais = zip(
        *(ours_and_fastais(ask_fastai, found, 60_000, 3) for found in (one, other)), strict=True
    )
    assert fastais[0] != fastais[1]
    assert sorted(fastais[0]) == sorted(fastais[1])
    assert ours[0] == ours[1]


def test_text_is_numbered_alike_but_for_the_order_of_markers(ask_fastai: AskPeer) -> None:
    found, text = counts(30, seed=4), ["xxbos", "xxmaj", "w29", "w1", "never", "w12", "xxrep"]
    answer = ask_fastai("vocabulary", counts=found, max_vocab=60_000, min_freq=3, tokens=text)
    tokens, numbers = zip(*found, strict=True)
    vocab = Vocab.from_counts(tokens, numbers, 60_000, 3)
    theirs = answer.values["itos"]
    assert [theirs[i] for i in answer.values["ids"]] == [vocab.itos[i] for i in vocab.ids(text)]
    assert [theirs[i] for i in answer.values["ids"]][4] == "xxunk"
    assert theirs[:3] == list(MARKERS[:3])  # unknown, padding and beginning have one number
