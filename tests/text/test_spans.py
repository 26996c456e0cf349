"""Tokens found again in the text, whatever the rules made of it."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steadfit.text.pieces import SPACE, Pieces
from steadfit.text.spans import token_spans
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.text.words import split_words

LETTERS = [*string.ascii_lowercase, *string.digits, "!"]
PIECES = [SPACE, *LETTERS, *(SPACE + letter for letter in LETTERS), SPACE + "good"]
TOKENIZERS = [
    Tokenizer(Vocab([*MARKERS, "good"])),
    SubwordTokenizer(Pieces(PIECES, [-4.0] * len(PIECES))),
]
WORDS, SUBWORDS = TOKENIZERS
HOSTILE = st.lists(
    st.sampled_from(
        [*"aAbIİςΣß !!..\n\t/#&;'\"日本\ud800🎥é", "e\u0301", "&amp;", "<br />", "xxmaj"]
    ),
    max_size=40,
).map("".join)


def found(tokenizer: Tokenizer, text: str) -> list[tuple[str, str | None]]:
    placed = token_spans(tokenizer, text)
    return [(one.token, one.span and text[slice(*one.span)]) for one in placed]


def test_words_are_found_as_they_were_written() -> None:
    assert found(WORDS, "I LOVED  it; Films don't!") == [
        ("xxbos", None), ("i", "I"), ("xxup", "LOVED"), ("loved", "LOVED"), ("it", "it"),
        (";", ";"), ("xxmaj", "Films"), ("films", "Films"), ("do", "do"), ("n't", "n't"),
        ("!", "!"),
    ]  # fmt: skip


def test_repetitions_have_the_place_of_the_whole_run() -> None:
    assert found(WORDS, "so!!!! very very very very good end")[1:] == [
        ("so", "so"), ("xxrep", "!!!!"), ("4", "!!!!"), ("!", "!!!!"),
        ("xxwrep", "very very very very"), ("4", "very very very very"),
        ("very", "very very very very"), ("good", "good"), ("end", "end"),
    ]  # fmt: skip


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_what_was_replaced_has_the_place_of_what_stood_there(tokenizer: Tokenizer) -> None:
    parts = found(tokenizer, "so.<br /><br />And amp; good one, <unk> good")
    assert [text for token, text in parts if token.isspace()] == ["<br /><br />"]
    assert [text for token, text in parts if token.endswith("good")] == ["good", "good"]
    assert [text for token, text in parts if token == "xxunk"] == ["<unk>"]


def test_a_character_in_bytes_is_one_place() -> None:
    parts = found(SUBWORDS, "a日🎥é")
    assert [text for _, text in parts[1:]] == ["a", *["日"] * 3, *["🎥"] * 4, *["é"] * 2]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(text=HOSTILE)
def test_each_id_has_a_place_inside_the_text_and_places_follow_each_other(
    tokenizer: Tokenizer, text: str
) -> None:
    placed = token_spans(tokenizer, text)
    assert len(placed) == len(tokenizer.encode(text))
    last = (0, 0)
    for one in placed:
        if one.span is not None:
            begin, end = one.span
            assert 0 <= begin < end <= len(text)
            assert begin >= last[0]
            assert end >= last[1]
            last = one.span


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(words=st.lists(st.text("abcdefgh", min_size=5, max_size=7), max_size=8, unique=True))
def test_all_letters_of_plain_words_belong_to_a_token(
    tokenizer: Tokenizer, words: list[str]
) -> None:
    text = " ".join(words)
    covered = {i for one in token_spans(tokenizer, text) if one.span for i in range(*one.span)}
    assert covered == {i for i, letter in enumerate(text) if letter != " "}


SHORT = st.sampled_from(["1", "2", "a", "b", "Ab", "ab", ",", "no", "don't", "&"])
SPACES = st.sampled_from([" ", "  ", "   ", "      "])


@given(parts=st.lists(st.tuples(SHORT, SPACES), max_size=12), before=SPACES)
@example(parts=[("Rows", "  "), *[("1", "  ")] * 2, *[("2", "  ")] * 2], before="")
def test_what_a_place_holds_gives_its_word_also_alone(
    parts: list[tuple[str, str]], before: str
) -> None:
    text = before + "".join(word + spaces for word, spaces in parts)
    for token, there in found(WORDS, text):
        if there is not None:
            assert token in split_words(there + " ")
