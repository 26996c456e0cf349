"""Pieces found in texts: the same each time, no markers, and never from too little text."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from steadfit.core.errors import DataError
from steadfit.text.piece_training import train_pieces
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.vocab import MARKERS
from tests.text.passages import DATA, passage, trained


def test_no_piece_is_a_marker() -> None:
    pieces = train_pieces(["xxmajor xxmajor xxupper xxupper xxup XXMAJ"] * 20, 400)
    assert set(pieces.pieces).isdisjoint(MARKERS)


CODE = """
import sys
from steadfit.text.piece_training import train_pieces
texts = open(sys.argv[1], encoding="utf-8").read().splitlines()
print(train_pieces(texts, 500).fingerprint)
"""


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_the_same_text_gives_the_same_pieces_in_any_process(language: str) -> None:
    expected = trained(language, 500).vocab.fingerprint
    for threads in ("1", "3"):
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(DATA / f"{language}.txt")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"},
        )
        assert done.stdout.strip() == expected


def test_frequent_words_are_pieces() -> None:
    """Also a word that is part of no other, which the library alone would not take."""
    assert "▁zebra" in train_pieces(["a zebra ran; the zebra, a zebra. The rat ate."] * 30, 400)


def test_texts_are_sampled_evenly_and_held_in_part() -> None:
    documents = [f"{word} " * 2_000 for word in ("apple", "berry", "cherry", "damson")] * 4
    drawn = iter(documents)
    pieces = train_pieces(drawn, 400, characters=40_000)
    assert next(drawn, None) is None
    assert sum(f"▁{word}" in pieces for word in ("apple", "berry", "cherry", "damson")) in (1, 2)
    assert "▁damson" in train_pieces(documents, 400)


@pytest.mark.parametrize("vocab_size", [299, 0, -1, 65_537, 8000.5, "8000", None])
def test_a_size_out_of_range_is_refused(vocab_size: Any) -> None:
    with pytest.raises(DataError, match="vocab_size"):
        SubwordTokenizer.train([passage("english")], vocab_size)


@pytest.mark.parametrize("texts", [[], [""], ["word word"], ["\x00\x00 \ud800\ud800"]])
def test_too_little_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="too few to find pieces"):
        SubwordTokenizer.train(texts)


def test_one_string_is_not_taken_for_texts() -> None:
    with pytest.raises(DataError, match="one string"):
        SubwordTokenizer.train(passage("english"))
