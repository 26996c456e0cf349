"""Made-up token ids with the frequencies of language; both sides draw the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

MARKERS = 9  # ids below are kept for xxunk, xxpad and their like
DOCUMENT = 300  # tokens, about a film review


def documents(tokens: int, words: int, length: int = DOCUMENT, seed: int = 0) -> Iterator[Any]:
    """Yield documents, int64 (length,), of at least `tokens` ids in all, by Zipf's law."""
    rng = np.random.default_rng(seed)
    for _ in range(-(-tokens // length)):
        ranks = np.exp(rng.random(length) * np.log(words - MARKERS)).astype(np.int64) - 1
        yield ranks + MARKERS


def names(words: int) -> list[str]:
    """Return names of made-up words, to stand behind the markers."""
    return [f"w{number}" for number in range(MARKERS, words)]
