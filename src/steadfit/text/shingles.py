"""Texts → sets of five words in a row, as sorted numbers of 64 bits."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from steadfit.text.fields import FieldText

_TOGETHER = 1_000  # texts whose words are held at a time
_MOST_KNOWN = 1_000_000  # words whose numbers are remembered; a number does not depend on it

# A tag begins with a letter, so that "a < b" is none; bounded, so that no text takes long.
_TAG = re.compile(r"<[/!]?[A-Za-z-][^<>]{0,1000}>")
_ENTITY = re.compile(r"&#?[A-Za-z0-9]{1,10};")
_WORD = re.compile(r"\w+")
# Chinese and Japanese have no spaces: each of their characters is a word.
_WORD_OR_CHARACTER = re.compile(r"[぀-ヿ㐀-䶿一-鿿]|[^\W぀-ヿ㐀-䶿一-鿿]+")

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def plain_words(text: str) -> list[str]:
    """Return the words of a text without case, markup, spaces and punctuation."""
    if isinstance(text, FieldText):
        text = text.without_markers()
    if "&" in text:
        text = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if text.isascii():
        return _WORD.findall(text.lower())
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _WORD_OR_CHARACTER.findall(text)


def digest_of(words: list[str]) -> bytes:
    """Return 16 bytes that stand for these words in this order."""
    text = " ".join(words).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def word_blocks(texts: Iterable[str]) -> Iterator[list[list[str]]]:
    """Yield the words of texts, a block of texts at a time."""
    left = iter(texts)
    while block := [plain_words(text) for text in islice(left, _TOGETHER)]:
        yield block


class Shingler:
    """Makes sets of shingles of words; the same words give the same numbers, in any order of texts.

    Two different shingles have the same number with a chance of 2⁻⁶⁴.

    Args:
        size: words of a shingle. A text of fewer has one shingle, all of it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._known: dict[str, int] = {}

    def __call__(self, block: list[list[str]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return the shingles of all texts, one text after the other, and how many each has.

        Those of one text are ascending and different.
        """
        lengths = np.fromiter(map(len, block), np.int64, len(block))
        words = self._numbers(block, int(lengths.sum()))
        shingles, counts = self._rolled(words, lengths)
        ends = np.cumsum(counts)
        for begin, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
            shingles[begin:end].sort()
        first = np.ones(len(shingles), dtype=bool)
        first[1:] = shingles[1:] != shingles[:-1]
        first[(ends - counts)[counts > 0]] = True
        places = np.concatenate([[0], np.cumsum(first)])
        return shingles[first], places[ends] - places[ends - counts]

    def _numbers(self, block: list[list[str]], total: int) -> NDArray[np.uint64]:
        known = self._known
        for word in set().union(*block) - known.keys():
            digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            known[word] = int.from_bytes(digest, "little")
        numbers = np.fromiter(
            (number for words in block for number in map(known.__getitem__, words)),
            np.uint64,
            total,
        )
        if len(known) > _MOST_KNOWN:
            known.clear()
        return numbers

    def _rolled(
        self, words: NDArray[np.uint64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return one number for each window of words within a text, and how many each text has."""
        ends = np.cumsum(lengths)
        short = (lengths > 0) & (lengths < self.size)
        # A short text's words are followed by zeros, which stand for no word.
        spare = np.where(short, self.size - lengths, 0)
        if short.any():
            words = np.insert(words, np.repeat(ends, spare), np.uint64(0))
            lengths = lengths + spare
            ends = np.cumsum(lengths)
        counts = np.maximum(lengths - self.size + 1, 0)
        windows = max(len(words) - self.size + 1, 0)
        rolled = np.zeros(windows, np.uint64)
        for place in range(self.size):  # modulo 2⁶⁴
            rolled = rolled * _BASE + words[place : place + windows]
        rolled ^= rolled >> np.uint64(30)
        rolled *= _MIX[0]
        rolled ^= rolled >> np.uint64(27)
        rolled *= _MIX[1]
        rolled ^= rolled >> np.uint64(31)
        inside = np.zeros(len(words) + 1, np.int64)
        begins = ends - lengths
        np.add.at(inside, begins[counts > 0], 1)
        np.add.at(inside, (begins + counts)[counts > 0], -1)
        return rolled[np.cumsum(inside)[:windows] > 0], counts
