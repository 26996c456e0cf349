"""Pairs of sets that have most of their members in common: all of them, none by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CANDIDATES = 4_000_000
_HAIR = 1e-9  # a product of a threshold and a size may be a little above the whole number it is


class Sets(NamedTuple):
    """Sets of numbers, one after the other; those of each are ascending and different."""

    members: NDArray[np.uint64]
    sizes: NDArray[np.int64]


class Similar(NamedTuple):
    """Pairs of sets, the first number being the smaller one, ascending."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float64]
    complete: bool


def similar_pairs(sets: Sets, threshold: float, most: int = MOST_CANDIDATES) -> Similar:
    """Return all pairs whose Jaccard similarity |A ∩ B| / |A ∪ B| reaches the threshold.

    Exact, by prefixes (Chaudhuri, Ganti & Kaushik, 2006; Bayardo, Ma & Srikant, 2007): two sets as
    alike as that share at least t · |A| members. So they share one of the |A| − ⌈t · |A|⌉ + 1 that
    are rarest among all sets, in one order for all. In texts most shingles stand in one text only,
    which leaves few sets with anything to share. What is compared is counted from the sets.

    Where more than `most` pairs would have to be compared, those that share a member are compared
    with their neighbours among those that share it only, as many as the number allows: texts made
    from one template. Then `complete` is False.

    Args:
        sets: empty ones are like none.
        threshold: above 0, at most 1.
        most: pairs to compare.
    """
    none = np.zeros(0, np.int64)
    shared = np.sort(sets.members)
    repeated = shared[1:] == shared[:-1]
    shared = shared[1:][repeated]
    first_time = np.ones(len(shared), dtype=bool)
    first_time[1:] = shared[1:] != shared[:-1]
    shared, often = shared[first_time], np.diff(np.flatnonzero([*first_time, True]))
    if not len(shared):
        return Similar(none, none, np.zeros(0), True)

    codes = _codes_of(sets.members, shared)
    owner = np.repeat(np.arange(len(sets.sizes), dtype=np.int32), sets.sizes)
    needed = np.ceil(threshold * sets.sizes - _HAIR).astype(np.int64)
    sharing = np.bincount(owner[codes >= 0], minlength=len(sets.sizes))
    kept = (codes >= 0) & (sharing >= np.maximum(needed, 1))[owner]
    codes, owner = codes[kept].astype(np.int64), owner[kept].astype(np.int64)
    order = np.lexsort((codes, often[codes], owner))  # the rarest of each set first
    codes, owner = codes[order], owner[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    # What stands in no other set is rarest of all, and fills a prefix without a use.
    prefix = (sets.sizes - needed + 1) - (sets.sizes - sharing)
    in_prefix = rank < prefix[owner]
    pairs, complete = _candidates(codes[in_prefix], owner[in_prefix], sets.sizes, most)
    first, second = pairs // len(sets.sizes), pairs % len(sets.sizes)
    sizes = sets.sizes[first], sets.sizes[second]
    near = np.minimum(*sizes) >= threshold * np.maximum(*sizes) - _HAIR
    first, second = first[near], second[near]
    similarity = _jaccard(sets, first, second)
    found = similarity >= threshold
    return Similar(first[found], second[found], similarity[found], complete)


def _codes_of(members: NDArray[np.uint64], shared: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return where each member stands in `shared`, −1 if nowhere; a part at a time."""
    codes = np.full(len(members), -1, np.int32)
    for begin in range(0, len(members), 1 << 20):
        part = members[begin : begin + (1 << 20)]
        order = np.argsort(part)  # neighbours are looked up together: several times as fast
        ascending = part[order]
        place = np.minimum(np.searchsorted(shared, ascending), len(shared) - 1)
        codes[begin + order] = np.where(shared[place] == ascending, place, -1)
    return codes


def _candidates(
    codes: NDArray[np.int64], owner: NDArray[np.int64], sizes: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], bool]:
    """Return pairs of sets that share a member of both prefixes, each as one number, and if all."""
    # Among those that share one, sets of a size are neighbours: they are the likeliest pairs.
    order = np.lexsort((owner, sizes[owner], codes))
    codes, owner = codes[order], owner[order]
    group = np.cumsum(np.concatenate([[0], codes[1:] != codes[:-1]]))[: len(codes)]
    counts = np.bincount(group)
    # In a group of c sets c − w pairs stand w apart: sums from above, for all groups and each w.
    larger = np.cumsum(np.bincount(counts)[::-1])[::-1][2:]  # groups of more than w, w from 1
    at_distance = np.cumsum(larger[::-1])[::-1]
    reach = int(np.searchsorted(np.cumsum(at_distance), most, side="right"))
    complete = reach >= len(at_distance)
    found = [np.zeros(0, np.int64)]
    for distance in range(1, min(max(reach, 1), len(at_distance)) + 1):
        large = counts[group] > distance
        group, owner = group[large], owner[large]
        same = group[distance:] == group[:-distance]
        one, other = owner[distance:][same], owner[:-distance][same]
        found.append(np.minimum(one, other) * len(sizes) + np.maximum(one, other))
        if distance % 64 == 0:
            found = [np.unique(np.concatenate(found))]
    return np.unique(np.concatenate(found)), complete


def _jaccard(
    sets: Sets, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    ends = np.cumsum(sets.sizes)
    begins = ends - sets.sizes
    found = np.empty(len(first))
    for row, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        both = np.sort(
            np.concatenate([sets.members[begins[a] : ends[a]], sets.members[begins[b] : ends[b]]])
        )
        common = np.count_nonzero(both[1:] == both[:-1])
        found[row] = common / (len(both) - common)
    return found
