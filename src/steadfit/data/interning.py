"""Numbers for words while a corpus is read for the first time, in bounded memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from heapq import merge, nsmallest
from itertools import groupby
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.text.vocab import MARKERS, Vocab

MOST_WORDS = 1 << 17  # held at a time; a corpus of 1 GB may have millions
_BLOCK = 1 << 18  # numbers counted together
_READ = 1 << 20  # bytes of all spans together that are read ahead


class Span(NamedTuple):
    """Documents that follow each other and number their words together, and where these stand."""

    documents: int
    words: int
    begin: int
    end: int


class _Entry(NamedTuple):
    word: str
    times: int
    number: int


class Interning(dict[str, int]):
    """Gives each new word the next number, until they are many: then a new span begins at 0.

    The words of a span are written to the file in their order, each with its count and number, so
    that spans can be merged with a few words of each in memory.

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
        self._documents = 0
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[NDArray[np.uint32]] = []
        self._waiting_numbers = 0

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number

    def document_done(self, numbers: NDArray[np.uint32], counted: bool) -> bool:
        """Count a document's words, if they are to be counted; return whether its span ended."""
        self._documents += 1
        if counted:
            self._waiting.append(numbers)
            self._waiting_numbers += len(numbers)
            if self._waiting_numbers >= _BLOCK:
                self._count()
        if len(self) < self._most:
            return False
        self.end_span()
        return True

    def end_span(self) -> None:
        """Write the words since the last span, and forget them."""
        if not self._documents:
            return
        self._count()
        begin = self._file.seek(0, os.SEEK_END)
        for word in sorted(self):
            entry = _Entry(word, int(self._counts[self[word]]), self[word])
            self._file.write(f"{json.dumps(entry)}\n".encode())
        self.spans.append(Span(self._documents, len(self), begin, self._file.tell()))
        self._counts = np.zeros(0, np.int64)
        self._documents = 0
        self.clear()

    def counted(self, max_vocab: int, min_freq: int) -> Vocab:
        """Return the vocabulary of the words that were counted in all spans.

        See `Vocab.from_counts`.
        """
        entries = merge(*(self._entries(span, _READ // len(self.spans)) for span in self.spans))
        totals = (
            (word, sum(entry.times for entry in same))
            for word, same in groupby(entries, lambda entry: entry.word)
        )
        best = nsmallest(
            max_vocab + len(MARKERS),  # markers are not counted, so they may come on top
            (one for one in totals if one[1] >= min_freq),
            key=lambda one: (-one[1], one[0]),
        )
        words, found = [word for word, _ in best], [count for _, count in best]
        return Vocab.from_counts(words, found, max_vocab, min_freq)

    def table(self, span: Span, vocab: Vocab) -> NDArray[np.int64]:
        """Return the id in `vocab` of each of a span's numbers, `(words,)`."""
        ids = np.zeros(span.words, np.int64)
        for entry in self._entries(span, _READ):
            ids[entry.number] = vocab.id(entry.word)
        return ids

    def _count(self) -> None:
        waiting = np.concatenate([np.zeros(0, np.uint32), *self._waiting])
        counts = np.bincount(waiting, minlength=len(self))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._waiting, self._waiting_numbers = [], 0

    def _entries(self, span: Span, at_once: int) -> Iterator[_Entry]:
        place, cut = span.begin, b""
        while place < span.end:
            # Others read the same file between two blocks.
            self._file.seek(place)
            block = self._file.read(min(max(at_once, 1), span.end - place))
            place += len(block)
            *lines, cut = (cut + block).split(b"\n")
            for line in lines:
                yield _Entry(*json.loads(line))
