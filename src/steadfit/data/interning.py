"""Numbers for words while a corpus is read for the first time, in bounded memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from heapq import merge, nsmallest
from itertools import groupby, islice
from operator import itemgetter
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.text.vocab import MARKERS, Vocab

MOST_WORDS = 1 << 17  # held at a time; a corpus of 1 GB may have millions
_BLOCK = 1 << 18  # numbers counted together
_TOGETHER = 1 << 8  # words on a line of the file; of each span a line is held while they merge


class Span(NamedTuple):
    """Documents that follow each other and number their words together, and where these stand."""

    documents: int
    numbers: int
    begin: int
    end: int


class Interning(dict[str, int]):
    """Gives each new word a number, until they are many: then a new span of documents begins.

    In it the words that were frequent keep their numbers, half of the most at most. The others are
    forgotten, and their numbers given to other words. All words of a span are written to the file
    in their order, each with its count and number, so that spans can be merged with a few words of
    each in memory.

    Args:
        file: an empty temporary file.
        most: words with which a span ends, at the end of a document.

    Attributes:
        spans: those that were ended.
    """

    def __init__(self, file: IO[bytes], most: int = MOST_WORDS) -> None:
        super().__init__()
        self.spans: list[Span] = []
        self._file = file
        self._most = most
        self._numbers = 0  # that were ever given, from 0 on
        self._free: list[int] = []
        self._documents = 0
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[NDArray[np.uint32]] = []
        self._waiting_numbers = 0

    def __missing__(self, word: str) -> int:
        if self._free:
            number = self._free.pop()
        else:
            number = self._numbers
            self._numbers += 1
        self[word] = number
        return number

    def document_done(self, numbers: NDArray[np.uint32], counted: bool) -> list[bool] | None:
        """Count a document's words, if they are to be counted.

        Returns:
            If its span ended, whether each number stands for the same word as before.
        """
        self._documents += 1
        if counted:
            self._waiting.append(numbers)
            self._waiting_numbers += len(numbers)
            if self._waiting_numbers >= _BLOCK:
                self._count()
        return self.end_span() if len(self) >= self._most else None

    def end_span(self) -> list[bool]:
        """Write the words with what was counted in this span, and forget the rare ones."""
        self._count()
        begin = self._file.seek(0, os.SEEK_END)
        words = iter(sorted(self))
        while line := list(islice(words, _TOGETHER)):
            numbers = [self[word] for word in line]
            columns = line, self._counts[numbers].tolist(), numbers
            self._file.write(f"{json.dumps(columns)}\n".encode())
        self.spans.append(Span(self._documents, self._numbers, begin, self._file.tell()))
        frequent = np.argsort(-self._counts, kind="stable")[: self._most // 2]
        kept = np.zeros(self._numbers, bool)
        kept[frequent] = self._counts[frequent] > 1
        lasting = {word: number for word, number in self.items() if kept[number]}
        self.clear()
        self.update(lasting)
        self._free = np.flatnonzero(~kept)[::-1].tolist()
        self._counts = np.zeros(0, np.int64)
        self._documents = 0
        return kept.tolist()

    def counted(self, max_vocab: int, min_freq: int) -> Vocab:
        """Return the vocabulary of the words that were counted in all spans.

        See `Vocab.from_counts`.
        """
        counts = merge(*map(self._word_counts, self.spans))
        totals = (
            (word, sum(count for _, count in same)) for word, same in groupby(counts, itemgetter(0))
        )
        best = nsmallest(
            max_vocab + len(MARKERS),  # markers are not counted, so they may come on top
            (one for one in totals if one[1] >= min_freq),
            key=lambda one: (-one[1], one[0]),
        )
        words, found = [word for word, _ in best], [count for _, count in best]
        return Vocab.from_counts(words, found, max_vocab, min_freq)

    def table(self, span: Span, vocab: Vocab) -> NDArray[np.int64]:
        """Return the id in `vocab` of each of a span's numbers, `(numbers,)`."""
        ids = np.zeros(span.numbers, np.int64)
        for words, _, numbers in self._lines(span):
            ids[numbers] = vocab.ids(words)
        return ids

    def _count(self) -> None:
        waiting = np.concatenate([np.zeros(0, np.uint32), *self._waiting])
        counts = np.bincount(waiting, minlength=self._numbers)
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._waiting, self._waiting_numbers = [], 0

    def _word_counts(self, span: Span) -> Iterator[tuple[str, int]]:
        for words, counts, _ in self._lines(span):
            yield from zip(words, counts, strict=True)

    def _lines(self, span: Span) -> Iterator[tuple[list[str], list[int], list[int]]]:
        place = span.begin
        while place < span.end:
            self._file.seek(place)  # others read the same file between two lines
            line = self._file.readline()
            place += len(line)
            yield json.loads(line)
