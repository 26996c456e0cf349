"""Documents that stand in a corpus twice, word for word or nearly: leaks and repetitions."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, islice, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import is_number, shown, whole_number
from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.shingles import Shingler, digest_of, word_blocks
from steadfit.text.similar import MOST_CANDIDATES, Sets, similar_pairs
from steadfit.text.splits import TEST, TRAIN, VALID

Kind = tuple[str, str | None]  # side and label


class Pair(NamedTuple):
    """Two documents, by row, and how alike they are: 1 is the same words."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True, eq=False)
class Duplicates:
    """What `find_duplicates` found; `str()` says it in a sentence or two.

    Lists of pairs are cut off, the most similar ones first; totals count all pairs.

    Attributes:
        documents: how many were compared; those without a word are not.
        threshold: from which similarity on two are near-duplicates.
        between: pairs on two sides of the split.
        inside: pairs inside training; without a split, inside the corpus.
        conflicts: pairs of either kind whose labels differ.
        totals: of all pairs, by their two sides, such as ("train", "test").
        conflicts_total: of pairs whose labels differ.
        leaking: training rows that have a duplicate in "valid" or "test", ascending.
        leaked: rows of "valid" and "test" that have one in training, ascending.
        repeated: training rows that repeat an earlier one which is none of them, ascending.
        complete: False where too many documents are alike for all to be compared.
    """

    documents: int
    threshold: float
    between: tuple[Pair, ...]
    inside: tuple[Pair, ...]
    conflicts: tuple[Pair, ...]
    totals: dict[tuple[str, str], int]
    conflicts_total: int
    leaking: NDArray[np.int64]
    leaked: NDArray[np.int64]
    repeated: NDArray[np.int64]
    complete: bool

    def __str__(self) -> str:
        sides = [
            f"{one}–{other} {total:,}"
            for (one, other), total in sorted(self.totals.items())
            if one != other
        ]
        text = f"Documents of valid and test that also stand in training: {len(self.leaked):,}"
        text += f" (pairs {', '.join(sides)})" if sides else ""
        text += f"; training documents that repeat an earlier one: {len(self.repeated):,}"
        text += f"; pairs with different labels: {self.conflicts_total:,}."
        return text if self.complete else text + " Too many are alike to compare all: at least so."


def find_duplicates(
    corpus: Corpus, threshold: float = 0.8, words: int = 5, most: int = 1000
) -> Duplicates:
    """Return the documents that equal or resemble one on another side, or another in training.

    Case, markup, spaces and punctuation do not count. Two documents are near-duplicates where the
    Jaccard similarity of their sets of `words` words in a row reaches the threshold; a word more
    or less in the middle of 250 leaves 0.96 of five. All such pairs are found, by an exact method
    without chance or seed (`steadfit.text.similar`), unless `complete` says otherwise. Pairs inside
    "valid" or inside "test" are not looked at. Memory: some 25 bytes a word, beside the texts.

    Args:
        corpus: without a split all of it is training.
        threshold: above 0, at most 1; the lower, the more has to be compared.
        words: of a shingle.
        most: pairs that each list holds at most.

    Raises:
        DataError: a threshold or number out of range.
    """
    if not is_number(threshold) or not 0 < threshold <= 1:
        raise DataError(f"threshold is {shown(threshold)}; accepted is above 0 and up to 1.")
    whole_number("words", words, 1, 1_000)
    whole_number("most", most)
    groups, sets = _groups(corpus.texts, words)
    similar = similar_pairs(sets, float(threshold), MOST_CANDIDATES)
    order = np.lexsort((similar.second, similar.first, -similar.similarity))
    near = list(zip(*(column[order].tolist() for column in similar[:3]), strict=True))
    relations = _Relations(corpus, most)
    for rows in groups:
        if len(rows) > 1:
            relations.add(rows)
    for a, b, similarity in near:
        relations.add(groups[a], groups[b], similarity)
    repeated = _repeated(relations, groups, [(a, b) for a, b, _ in near])
    between, inside, conflicts = (
        tuple(sorted(pairs, key=_closest_first)) for pairs in relations.listed
    )
    return Duplicates(
        sum(map(len, groups)),
        float(threshold),
        between,
        inside,
        conflicts,
        dict(relations.totals),
        relations.conflicts_total,
        _ascending(relations.leaking),
        _ascending(relations.leaked),
        _ascending(repeated),
        similar.complete,
    )


def rows_to_leave_out(
    found: Duplicates, leaking: bool = True, repeated: bool = False
) -> NDArray[np.int64]:
    """Return training rows to train without, ascending.

    Args:
        found: from `find_duplicates`.
        leaking: those that have a duplicate in "valid" or "test".
        repeated: those that repeat an earlier one.
    """
    none = np.zeros(0, np.int64)
    return np.union1d(found.leaking if leaking else none, found.repeated if repeated else none)


class _Relations:
    """Counts pairs by side and label, without making more of them than are listed."""

    def __init__(self, corpus: Corpus, most: int) -> None:
        self.split, self.labels, self.most = corpus.split, corpus.labels, most
        self.listed: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
        self.totals: Counter[tuple[str, str]] = Counter()
        self.conflicts_total = 0
        self.leaking: set[int] = set()
        self.leaked: set[int] = set()

    def side(self, row: int) -> str:
        return TRAIN if self.split is None else self.split[row]

    def add(
        self, rows: list[int], others: list[int] | None = None, similarity: float = 1.0
    ) -> None:
        """Add all pairs of rows; with others, those of a row and another."""
        kinds = self._kinds(rows)
        if others is None:
            for one, other in combinations_with_replacement(kinds, 2):
                if one == other:
                    count = math.comb(len(kinds[one]), 2)
                    self._add(one, other, count, combinations(kinds[one], 2), similarity)
                else:
                    self._add_product(one, other, kinds[one], kinds[other], similarity)
            return
        of_others = self._kinds(others)
        for one, other in product(kinds, of_others):
            self._add_product(one, other, kinds[one], of_others[other], similarity)

    def _kinds(self, rows: list[int]) -> dict[Kind, list[int]]:
        kinds: defaultdict[Kind, list[int]] = defaultdict(list)
        for row in rows:
            kinds[self.side(row), None if self.labels is None else self.labels[row]].append(row)
        return kinds

    def _add_product(
        self, one: Kind, other: Kind, rows: list[int], others: list[int], similarity: float
    ) -> None:
        self._add(one, other, len(rows) * len(others), product(rows, others), similarity)
        if one[0] != other[0] and TRAIN in (one[0], other[0]):
            self.leaking.update(rows if one[0] == TRAIN else others)
            self.leaked.update(others if one[0] == TRAIN else rows)

    def _add(
        self,
        one: Kind,
        other: Kind,
        count: int,
        pairs: Iterable[tuple[int, int]],
        similarity: float,
    ) -> None:
        sides = tuple(sorted((one[0], other[0]), key=(TRAIN, VALID, TEST).index))
        if not count or (sides[0] == sides[1] != TRAIN):
            return
        self.totals[sides[0], sides[1]] += count
        wanted = [self.listed[0 if one[0] != other[0] else 1]]
        if one[1] != other[1]:
            self.conflicts_total += count
            wanted.append(self.listed[2])
        made = list(islice(_pairs(pairs, similarity), max(self.most - min(map(len, wanted)), 0)))
        for pairs_listed in wanted:
            pairs_listed.extend(made[: self.most - len(pairs_listed)])


def _pairs(pairs: Iterable[tuple[int, int]], similarity: float) -> Iterator[Pair]:
    for one, other in pairs:
        yield Pair(min(one, other), max(one, other), similarity)


def _groups(texts: Iterable[str], words: int) -> tuple[list[list[int]], Sets]:
    """Return rows of equal words, in the order of their first, and the shingles of each group."""
    place_of: dict[bytes, int] = {}
    groups: list[list[int]] = []
    shingler = Shingler(words)
    members, sizes = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    row = 0
    for block in word_blocks(texts):
        new = []
        for document in block:
            if document:
                place = place_of.setdefault(digest_of(document), len(groups))
                if place == len(groups):
                    groups.append([])
                    new.append(document)
                groups[place].append(row)
            row += 1
        shingles, counts = shingler(new)
        members.append(shingles)
        sizes.append(counts)
    return groups, Sets(np.concatenate(members), np.concatenate(sizes))


def _repeated(
    relations: _Relations, groups: list[list[int]], near: list[tuple[int, int]]
) -> set[int]:
    """Return training rows alike to an earlier one that stays, the first rows deciding first."""
    neighbours: defaultdict[int, list[int]] = defaultdict(list)
    for a, b in near:
        neighbours[a].append(b)
        neighbours[b].append(a)
    trained = {
        place: rows
        for place in range(len(groups))
        if len(groups[place]) > 1 or place in neighbours
        if (rows := [row for row in groups[place] if relations.side(row) == TRAIN])
    }
    staying: set[int] = set()
    repeated: set[int] = set()
    for place in sorted(trained, key=lambda place: trained[place][0]):
        if staying.isdisjoint(neighbours.get(place, ())):
            staying.add(place)
            repeated.update(trained[place][1:])
        else:
            repeated.update(trained[place])
    return repeated


def _closest_first(pair: Pair) -> tuple[float, int, int]:
    return -pair.similarity, pair.first, pair.second


def _ascending(rows: set[int]) -> NDArray[np.int64]:
    return np.array(sorted(rows), dtype=np.int64)
