"""Provisional ids for words while a corpus is read for the first time, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import IO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from steadfit.text.vocab import MARKERS, Vocab

MOST_WORDS = 1 << 17  # held at a time; a corpus of 1 GB may have millions


class Interning(dict[str, int]):
    """Gives each new word the next id; `forget` lets go of the words so far, but not of their ids.

    A word that comes back after it was forgotten gets one more id, so ids stand for words and not
    the other way round; `counted` adds up what belongs to one word.

    Args:
        file: an empty temporary file, where words go that are forgotten.
        most: words from which on `forget` does so.
    """

    def __init__(self, file: IO[bytes], most: int = MOST_WORDS) -> None:
        super().__init__()
        self._file = file
        self._most = most
        self._forgotten = 0

    def __missing__(self, word: str) -> int:
        self[word] = number = self._forgotten + len(self)
        return number

    @property
    def ids(self) -> int:
        """How many ids were given out."""
        return self._forgotten + len(self)

    def forget(self) -> None:
        """Write the words to the file if they are many."""
        if len(self) >= self._most:
            self._file.write("".join(json.dumps(word) + "\n" for word in self).encode())
            self._forgotten += len(self)
            self.clear()

    def words(self) -> Iterator[str]:
        """Yield the word of each id, from 0 on."""
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)
        yield from self

    def counted(self, counts: NDArray[np.int64], max_vocab: int, min_freq: int) -> Vocab:
        """Return the vocabulary of these counts, `(ids,)`; see `Vocab.from_counts`.

        Where words were forgotten, it takes several passes over them, each over a share.
        """
        shares = -(-self.ids // self._most) if self._forgotten else 1
        best: list[tuple[str, int]] = []
        for share in range(shares):
            totals: dict[str, int] = {}
            for word, count in zip(self.words(), map(int, counts), strict=True):
                if shares == 1 or crc32(word.encode("utf-8", "surrogatepass")) % shares == share:
                    totals[word] = totals.get(word, 0) + count
            best = _most_frequent(best, totals, max_vocab, min_freq)
        words, found = [word for word, _ in best], [count for _, count in best]
        return Vocab.from_counts(words, found, max_vocab, min_freq)

    def table(self, vocab: Vocab) -> NDArray[np.int64]:
        """Return the number in `vocab` of each id, `(ids,)`."""
        return np.fromiter(map(vocab.id, self.words()), np.int64, self.ids)


def _most_frequent(
    best: list[tuple[str, int]], totals: Mapping[str, int], max_vocab: int, min_freq: int
) -> list[tuple[str, int]]:
    """Return as many as the vocabulary may hold; markers, which are not counted, come on top."""
    frequent = [one for one in totals.items() if one[1] >= min_freq]
    most = max_vocab + len(MARKERS)
    return nsmallest(most, [*best, *frequent], key=lambda one: (-one[1], one[0]))
