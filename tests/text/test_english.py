"""The splitting of English: nothing is lost, exceptions, addresses, what the golden text leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.text import english
from steadfit.text.english import split_english
from steadfit.text.english_exceptions import english_exceptions

EXCEPTIONS = english_exceptions()
PARTS = [*EXCEPTIONS, *"..,;:!?'\"()-+=*~$%&—’0159", "Word", "word", "é"]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5))
def test_words_make_up_the_piece(parts: list[str]) -> None:
    piece = "".join(parts)
    words = split_english(piece)
    assert "".join(words) == piece
    assert all(words)


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
