"""Tokens weighed by leaving them out (Zeiler & Fergus, 2014; Robnik-Šikonja & Kononenko, 2008)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError
from steadfit.text.spans import Span
from steadfit.text.vocab import UNK

READINGS = 256
PARTS = 16
TOGETHER = 1 << 18  # tokens of the documents that are held at a time
_ROUNDING = 1e-6  # by how much a probability may be above one, and a row's sum miss it

Document = TypeVar("Document")


class Occlusion(NamedTuple):
    """What occluding found.

    Attributes:
        weights: (tokens,), in nats of log-odds.
        widths: (tokens,), how many tokens were occluded together with each, itself included.
        probability: of the target in the whole document.
        readings: documents that were given to the function.
    """

    weights: NDArray[np.float64]
    widths: NDArray[np.int64]
    probability: float
    readings: int


def occlusion(
    probabilities: Callable[[list[Document]], ArrayLike],
    without: Callable[[int, int], Document],
    length: int,
    target: int,
    readings: int = READINGS,
    multi_label: bool | None = None,
) -> Occlusion:
    """Weigh each token by how the log-odds of a class fall when it is occluded.

    The weight of tokens a to b is log-odds(whole) − log-odds(without them). Where the log-odds are
    a sum over tokens, as in a linear model of two classes, weights are that sum's terms. With a
    reading for each token, each is occluded alone. Longer documents are cut into windows, which are
    occluded; then the one that weighs most is cut into 16 parts, and these are occluded, and so
    on, best first, to single tokens, until the readings are spent. What is not cut up any more
    shares its weight equally among its tokens. A window in which words for and words against the
    class balance each other is not looked into.

    Log-odds are log p less the logarithm of the other classes' sum, which says something where
    1 − p is rounded to zero; of a label of its own, less that of 1 − p. A zero counts as the least
    number of its kind.

    Args:
        probabilities: any function from documents to `(documents, classes)`.
        without: gives the document without the tokens from a number to another, which is not among
            them; `without(0, 0)` is the whole. See `occluded_ids` and `occluded_text`.
        length: tokens of the document.
        target: the class, a column of what `probabilities` returns.
        readings: documents that may be given to the function, the whole one among them.
        multi_label: whether each column is a label of its own; if it is None, a row tells, which
            then does not add up to one.

    Raises:
        DataError: fewer readings than 32, or what comes back is not as described.
    """
    whole_number("readings", readings, 2 * PARTS)
    whole_number("length", length)
    whole_number("target", target)
    score = _Score(probabilities, without, max(1, TOGETHER // max(1, length)), target, multi_label)
    probability, log_odds = score([(0, 0)])[0]
    weights, widths = np.zeros(length), np.ones(length, dtype=np.int64)

    def weigh(ranges: list[Span]) -> Iterator[tuple[float, int, int]]:
        for (begin, end), (_, rest) in zip(ranges, score(ranges), strict=True):
            weights[begin:end] = (log_odds - rest) / (end - begin)
            widths[begin:end] = end - begin
            yield -abs(log_odds - rest), begin, end

    spent = 1
    parts = length if length < readings else readings // 4
    heap = list(weigh(_cut(0, length, parts)))
    spent += len(heap)
    heapq.heapify(heap)
    while heap:
        _, begin, end = heapq.heappop(heap)
        if end - begin == 1:
            continue
        ranges = _cut(begin, end, PARTS)
        if spent + len(ranges) > readings:
            break
        spent += len(ranges)
        for found in weigh(ranges):
            heapq.heappush(heap, found)
    return Occlusion(weights, widths, probability, spent)


def occluded_ids(ids: Sequence[int], replacement: int = UNK) -> Callable[[int, int], Sequence[int]]:
    """Return a `without` that puts another token, `xxunk`, in the place of each that is occluded.

    A trained model has met it, and all other tokens stay where they were.
    """
    whole = list(ids)
    return lambda begin, end: whole[:begin] + [replacement] * (end - begin) + whole[end:]


def occluded_text(text: str, spans: Sequence[Span]) -> Callable[[int, int], str]:
    """Return a `without` that writes a space in the place of words; spans follow each other."""

    def without(begin: int, end: int) -> str:
        if begin == end:
            return text
        return text[: spans[begin][0]] + " " + text[spans[end - 1][1] :]

    return without


def occluded_everywhere(text: str, words: Sequence[Sequence[Span]]) -> Callable[[int, int], str]:
    """Return a `without` that writes a space in each place of a word; spans do not overlap."""

    def without(begin: int, end: int) -> str:
        parts, written = [], 0
        for first, last in sorted(span for word in words[begin:end] for span in word):
            parts += [text[written:first], " "]
            written = last
        return "".join([*parts, text[written:]])

    return without


class _Score(Generic[Document]):
    """Probability and log-odds of one class in documents without some of their tokens."""

    def __init__(
        self,
        probabilities: Callable[[list[Document]], ArrayLike],
        without: Callable[[int, int], Document],
        together: int,
        target: int,
        multi_label: bool | None,
    ) -> None:
        self._probabilities = probabilities
        self._without = without
        self._together = together
        self._target = target
        self._multi_label = multi_label

    def __call__(self, ranges: Sequence[Span]) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        left = iter(ranges)
        while part := [self._without(*one) for one in islice(left, self._together)]:
            found += self._of(part)
        return found

    def _of(self, documents: list[Document]) -> list[tuple[float, float]]:
        given = np.asarray(self._probabilities(documents))
        rows = given.astype(np.float64)
        if rows.ndim != 2 or len(rows) != len(documents) or rows.shape[1] <= self._target:
            raise DataError(
                f"The function returned {rows.shape} for {len(documents)} documents and class "
                f"number {self._target}; accepted is (documents, classes)."
            )
        if not ((rows >= 0) & (rows <= 1 + _ROUNDING)).all():
            raise DataError("The function returned numbers that are no probabilities (0 to 1).")
        p = rows[:, self._target]
        # Of which precision they are is known here alone: no 1 − p is nearer to zero.
        kind = np.finfo(given.dtype if given.dtype.kind == "f" else np.float64)
        rest = np.where(
            self._alone(rows),
            np.maximum(1 - p, float(kind.epsneg)),
            np.delete(rows, self._target, axis=1).sum(axis=1),
        )
        least = float(kind.tiny)
        log_odds = np.log(np.maximum(p, least)) - np.log(np.maximum(rest, least))
        return list(zip(p.tolist(), log_odds.tolist(), strict=True))

    def _alone(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell of which rows the target is a label of its own, (documents,)."""
        if rows.shape[1] == 1:
            return np.ones(len(rows), dtype=bool)
        if self._multi_label is not None:
            return np.full(len(rows), self._multi_label)
        return np.abs(rows.sum(axis=1) - 1) > _ROUNDING


def _cut(begin: int, end: int, parts: int) -> list[Span]:
    """Cut tokens into so many ranges of nearly one length, or into single ones."""
    parts = min(parts, end - begin)
    ends = [begin + (end - begin) * i // parts for i in range(parts + 1)] if parts else []
    return list(pairwise(ends))
