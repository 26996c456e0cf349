"""The splitting of English: nothing is lost, exceptions, addresses, what the golden text leaves."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steadfit.text import english
from steadfit.text.english import split_english, word_and_marks
from steadfit.text.english_exceptions import english_exceptions

EXCEPTIONS = english_exceptions()
PARTS = [*EXCEPTIONS, *"..,;:!?'\"()-+=*~$%&—’0159", "Word", "word", "é"]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5))
def test_words_make_up_the_piece(parts: list[str]) -> None:
    piece = "".join(parts)
    words = split_english(piece)
    assert "".join(words) == piece
    assert all(words)


WORDS = [*filter(str.isalpha, EXCEPTIONS), *"aDP", "Mr", "em", "it", "km", "US", "wOrD", "good"]
MARKS = st.text(".,!?)\"'([:;-s", max_size=4)


@settings(max_examples=500)
@given(MARKS, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), MARKS)
@example("", ["a", "b"], ".")
@example("'", ["em"], "")
@example("", ["good"], "....")
@example("", ["it"], "'s")
@example('"', ["Mr"], '."')
def test_parts_of_a_word_with_marks_are_split_as_if_each_stood_alone(
    before: str, words: list[str], after: str
) -> None:
    piece = before + "-".join(words) + after
    parts = word_and_marks(piece)
    if parts is not None:
        assert tuple(word for part in filter(None, parts) for word in split_english(part)) == (
            split_english(piece)
        )
        assert not any(mark * 4 in piece for mark in ".,!?")


@pytest.mark.parametrize("piece", ["good,", '"good', "(good).", "well-made,", "film's", "DVD."])
def test_common_pieces_have_known_parts(piece: str) -> None:
    parts = word_and_marks(piece)
    assert parts is not None
    assert "".join(parts) == piece
    assert len(list(filter(None, parts))) > 1


def test_exceptions_are_split_as_they_say() -> None:
    # Their parts are final: no other exception shows in them after splitting.
    for word, parts in EXCEPTIONS.items():
        assert "".join(parts) == word
        assert split_english(word) == parts
        assert tuple(english._retokenize(list(parts))) == parts


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        ("don't", "do n't"),
        ("Shouldn’t’ve", "Should n’t ’ve"),
        ("well", "well"),
        ("cannot", "can not"),
        ("10a.m.", "10 a.m."),
        ("(U.S.)", "( U.S. )"),
        ("Mr.,", "Mr. ,"),
        ("it's:)", "it 's :)"),
        ("Ima.", "I m a."),
        ("5km.", "5 km ."),
        ("5US$", "5 US$"),
        ("+1", "+1"),
        ("1+", "1 +"),
        ("word.Next", "word . Next"),
        ("word.next", "word.next"),
        ("a--b", "a -- b"),
        ("a----b", "a----b"),
        ("Jr.,etc", "Jr. ,etc"),
        ("(www.example.org/a-b),", "( www.example.org/a-b ) ,"),
        ("me@my-host.org", "me@my-host.org"),
        ("https://user@host.org:80/a=b", "https://user@host.org:80/a=b"),
        ("1.2.3.4", "1.2.3.4"),
        ("☺b♥", "☺ b ♥"),
    ],
)
def test_words_are_those_of_spacy(piece: str, words: str) -> None:
    assert split_english(piece) == tuple(words.split())
