"""A text in blocks has the tokens of the whole text, wherever the blocks are cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steadfit.text import blocks as text_blocks
from steadfit.text.blocks import parts_of
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab
from steadfit.text.words import split_words
from tests.text.test_words import FRAGMENTS

PLAIN = ["a ", "b ", "c ", "ha ", "Ha ", "abbbb ", "4 ", "00004 ", "x_y ", "quot", "amp", "nbsp "]
TEXTS = st.lists(st.sampled_from([*FRAGMENTS, *PLAIN, *PLAIN]), max_size=30).map("".join)


def blocks(text: str, sizes: list[int]) -> Iterator[str]:
    start = 0
    for size in sizes:
        yield text[start : start + size]
        start += size
    yield text[start:]


@settings(max_examples=500)
@given(TEXTS, st.lists(st.integers(0, 12), max_size=20))
@example("x abbbb b b b c d e ", [12])
@example("x b b b b c d e ", [6])
@example("x b b b b c d e ", [5])
@example("b b b b x d e ", [8])
@example("one two @.@ four ", [12])
@example("x 00005 5 5 5 ", [14])
def test_the_tokens_of_the_parts_are_those_of_the_text(text: str, sizes: list[int]) -> None:
    tokens = ["xxbos"]
    for part in parts_of(blocks(text, sizes)):
        tokens += split_words(part)[1:]
    assert tokens == split_words(text)


def test_ids_of_blocks_are_those_of_the_whole_text() -> None:
    tokenizer = Tokenizer(Vocab.from_counts(["good", "film", "a", "very"], [9, 9, 9, 9]))
    text = "A very good film, very very very very good! " * 50
    found = [id for part in tokenizer.encode_blocks(blocks(text, [7] * 200)) for id in part]
    assert found == tokenizer.encode(text)


def test_an_ordinary_text_is_held_a_block_at_a_time() -> None:
    words = ("the plot is thin but the cast is good and every scene of it works ") * 2000
    parts = list(parts_of(blocks(words, [1000] * 200)))
    assert len(parts) > 100
    assert max(map(len, parts)) < 3000


@pytest.mark.parametrize("unit", ["1.5 2.25 3.75\n", "a", "word, ", "aaaa ", "x" * 101 + " "])
def test_what_is_held_is_not_searched_again_and_again(
    monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    searched = 0

    class Counting:
        def finditer(self, text: str, start: int = 0) -> Iterator[re.Match[str]]:
            nonlocal searched
            searched += len(text) - start
            return place.finditer(text, start)

    place = text_blocks._PLACE
    monkeypatch.setattr(text_blocks, "_PLACE", Counting())
    text = unit * (200_000 // len(unit))
    assert "".join(parts_of(blocks(text, [4_000] * 50))) == text
    assert searched < 3 * len(text)
