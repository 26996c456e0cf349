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
_TOGETHER = 1 << 6  # words on a line of the file; of each span a line is held while they merge


class Span(NamedTuple):
    """Documents that follow each other and number their words together.

    In the file stand from `begin` to `middle` the words that got a number in it, and from there to
    `end` those that lost theirs behind it.
    """

    documents: int
    numbers: int
    begin: int
    middle: int
    end: int


class Interning(dict[str, int]):
    """Gives each new word a number, until they are many: then a new span of documents begins.

    In it the words that were frequent keep their numbers, three quarters of the most at most. The
    others are forgotten, and their numbers given to other words. A word is written to the file
    when it gets a number, and with its count when it loses it, in the order of words: so what each
    number stood for is found again, and counts are merged, with a few words in memory.

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
        self._lasting = 0  # words that came from the span before; they stand first
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

    def document_done(self, numbers: NDArray[np.uint32], counted: bool) -> frozenset[int] | None:
        """Count a document's words, if they are to be counted.

        Returns:
            If its span ended, the numbers that stand for no word now.
        """
        self._documents += 1
        if counted:
            self._waiting.append(numbers)
            self._waiting_numbers += len(numbers)
            if self._waiting_numbers >= _BLOCK:
                self._count()
        return self.end_span() if len(self) >= self._most else None

    def end_span(self) -> frozenset[int]:
        """Write the words that are new in this span, and forget the rare ones."""
        self._count()
        begin = self._file.seek(0, os.SEEK_END)
        self._write(islice(self.items(), self._lasting, None))
        middle = self._file.tell()
        frequent = np.argsort(-self._counts, kind="stable")[: self._most * 3 // 4]
        kept = np.zeros(self._numbers, bool)
        kept[frequent] = self._counts[frequent] > 1
        free = np.flatnonzero(~kept)
        self._free = free[::-1].tolist()
        freed = frozenset(self._free)
        counts = self._counts.tolist()
        rare = [(word, counts[number]) for word, number in self.items() if number in freed]
        lasting = {word: number for word, number in self.items() if number not in freed}
        self.clear()
        self.update(lasting)
        rare.sort()
        self._write(one for one in rare if one[1])
        self._lasting = len(self)
        self._counts[free] = 0
        self.spans.append(Span(self._documents, self._numbers, begin, middle, self._file.tell()))
        self._documents = 0
        return freed

    def counted(self, max_vocab: int, min_freq: int) -> Vocab:
        """Return the vocabulary of the words that were counted in all spans.

        See `Vocab.from_counts`.
        """
        counts = self._counts.tolist()
        lasting = ((word, counts[self[word]]) for word in sorted(self))
        forgotten = (self._read(span.middle, span.end) for span in self.spans)
        totals = (
            (word, sum(count for _, count in same))
            for word, same in groupby(merge(lasting, *forgotten), itemgetter(0))
        )
        best = nsmallest(
            max_vocab + len(MARKERS),  # markers are not counted, so they may come on top
            (one for one in totals if one[1] >= min_freq),
            key=lambda one: (-one[1], one[0]),
        )
        words, found = [word for word, _ in best], [count for _, count in best]
        return Vocab.from_counts(words, found, max_vocab, min_freq)

    def tables(self, vocab: Vocab) -> Iterator[NDArray[np.int64]]:
        """Yield, span by span, the id in `vocab` of each of its numbers, `(numbers,)`."""
        ids = np.zeros(self._numbers, np.int64)
        for span in self.spans:
            for words, numbers in self._lines(span.begin, span.middle):
                ids[numbers] = vocab.ids(words)
            yield ids[: span.numbers].copy()

    def _count(self) -> None:
        waiting = np.concatenate([np.zeros(0, np.uint32), *self._waiting])
        counts = np.bincount(waiting, minlength=self._numbers)
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._waiting, self._waiting_numbers = [], 0

    def _write(self, pairs: Iterator[tuple[str, int]]) -> None:
        while line := list(islice(pairs, _TOGETHER)):
            self._file.write(f"{json.dumps(list(zip(*line, strict=True)))}\n".encode())

    def _read(self, begin: int, end: int) -> Iterator[tuple[str, int]]:
        for words, numbers in self._lines(begin, end):
            yield from zip(words, numbers, strict=True)

    def _lines(self, begin: int, end: int) -> Iterator[tuple[list[str], list[int]]]:
        place = begin
        while place < end:
            self._file.seek(place)  # others read the same file between two lines
            line = self._file.readline()
            place += len(line)
            yield json.loads(line)
