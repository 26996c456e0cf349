from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.inference.readable import join_words, readable, undo_markers
from steadfit.text.vocab import MARKERS
from steadfit.text.words import split_words


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        # fastai's golden cases of decode_spec_tokens
        ("xxmaj text", ["Text"]),
        ("xxup text", ["TEXT"]),
        ("xxrep 3 a", ["aaa"]),
        ("xxwrep 3 word", ["word", "word", "word"]),
        # what a model may draw, though no tokenizer makes it
        ("xxmaj", []),
        ("xxmaj xxup text", ["TEXT"]),
        ("xxrep text", ["text"]),
        ("xxrep 3", []),
        ("xxrep 4 xxmaj text", ["Text"]),
        ("xxrep 123456789 a", ["123456789", "a"]),
        ("xxbos text xxeos xxpad xxfld", ["text"]),
        ("xxunk text", ["xxunk", "text"]),
    ],
)
def test_markers_are_undone(tokens: str, words: list[str]) -> None:
    assert undo_markers(tokens.split()) == words


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("xxmaj the film .", "The film."),
        ("xxmaj it was n't good , i 'd say ( sorry ) !", "It wasn't good, I'd say (sorry)!"),
        ("so bad xxrep 4 !", "so bad!!!!"),
        ("it cost $ 20", "it cost $20"),
    ],
)
def test_words_and_punctuation_read_as_written(tokens: str, text: str) -> None:
    assert readable(tokens.split()).replace(" i'd", " I'd") == text


@pytest.mark.parametrize(
    "text",
    ["The film wasn't GOOD, I'd say.", "Well... it's bad!!!!", "(Sorry) It cost $20; too much?"],
)
def test_a_text_survives_the_tokenizer_and_back(text: str) -> None:
    assert readable(split_words(text)).casefold() == text.casefold()


@given(st.lists(st.sampled_from([*MARKERS, "a", "the", "4", "12", ".", "\n", "'s"])))
def test_anything_drawn_can_be_read_and_shows_no_marker(tokens: list[str]) -> None:
    text = readable(tokens)
    assert not any(marker in text.casefold() for marker in MARKERS if marker != "xxunk")
    assert all(token in text.casefold() for token in tokens if token in ("the", "'s", "\n"))


def test_a_text_in_front_stays_as_it_is() -> None:
    assert join_words(["The  film xxmaj", ".", "a"]) == "The  film xxmaj. a"
    assert join_words(["", "a"]) == "a"
