"""Passages in three languages, and subwords found in each of them once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from steadfit.text.subwords import SubwordTokenizer

DATA = Path(__file__).parent / "data"
LANGUAGES = ("english", "german", "chinese")


def passage(language: str) -> str:
    return (DATA / f"{language}.txt").read_text("utf-8")


@cache
def trained(language: str, vocab_size: int = 600) -> SubwordTokenizer:
    return SubwordTokenizer.train(passage(language).splitlines(), vocab_size)
