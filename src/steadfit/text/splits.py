"""Sides of a split, and a seeded draw that never parts a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.text.coded import Coded
from steadfit.text.rows import digest_order

TRAIN, VALID, TEST = "train", "valid", "test"
SIDES = (TRAIN, VALID, TEST)


def draw_groups(
    rows: NDArray[np.int64], groups: Coded | None, target: int, seed: int
) -> NDArray[np.int64]:
    """Return about `target` of the rows, whole groups only, chosen by the seed.

    Without groups each row is its own, and exactly `target` rows are drawn. Groups are tried in
    a seeded order; one is taken when it brings the number of rows nearer to the target. The
    order comes from a hash, not from a generator: it is the same on every machine and version.
    """
    if groups is None:
        return rows[digest_order(range(len(rows)), seed)[:target]]
    members = groups.codes[rows]
    sizes = np.bincount(members, minlength=len(groups.names))
    codes = np.flatnonzero(sizes)
    order = digest_order([groups.names[code] for code in codes], seed)
    taken = np.zeros(len(groups.names), bool)
    drawn = 0
    for code in codes[order]:
        size = int(sizes[code])
        if abs(drawn + size - target) < abs(drawn - target):
            taken[code] = True
            drawn += size
    return rows[taken[members]]


def check_split(split: Coded, groups: Coded | None) -> None:
    """Raise DataError for an unknown side, or a group that stands on two."""
    if other := sorted(set(split.different) - set(SIDES)):
        raise DataError(f"split holds {other}; accepted are 'train', 'valid', 'test'")
    if groups is None or not len(groups):
        return
    side_of = np.zeros(len(groups.names), split.codes.dtype)
    side_of[groups.codes[::-1]] = split.codes[::-1]  # of several the last is kept: a group's first
    others = side_of[groups.codes] != split.codes
    if others.any():
        row = int(others.argmax())
        first = split.names[side_of[groups.codes[row]]]
        raise DataError(
            f"documents of group {groups[row]!r} stand in {first!r} and in {split[row]!r}; "
            "a group may stand on one side only"
        )
