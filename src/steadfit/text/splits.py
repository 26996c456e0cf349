"""Sides of a split, and a seeded draw that never parts a group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError

TRAIN, VALID, TEST = "train", "valid", "test"


def draw_groups(
    rows: Sequence[int], groups: Sequence[str] | None, target: int, seed: int
) -> list[int]:
    """Return about `target` of the rows, whole groups only, chosen by the seed.

    Without groups each row is its own, and exactly `target` rows are drawn. Groups are tried in
    a seeded order; one is taken when it brings the number of rows nearer to the target. The
    order comes from a hash, not from a generator: it is the same on every machine and version.
    """
    if groups is None:
        return [rows[place] for place in _in_seeded_order(range(len(rows)), seed)[:target]]
    members: dict[str, list[int]] = {}
    for row in rows:
        members.setdefault(groups[row], []).append(row)
    names = list(members)
    drawn: list[int] = []
    for place in _in_seeded_order(names, seed):
        group = members[names[place]]
        if abs(len(drawn) + len(group) - target) < abs(len(drawn) - target):
            drawn += group
    return drawn


def _in_seeded_order(names: Sequence[object], seed: int) -> NDArray[np.int64]:
    """Return the places of `names`, by the digest of seed and name; 40 bytes a name are held."""
    digests = bytearray()
    for name in names:
        digests += hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    keys = np.frombuffer(digests, ">u8").reshape(-1, 4)
    return np.lexsort(keys.T[::-1])


def check_split(split: Sequence[str], groups: Sequence[str] | None) -> None:
    """Raise DataError for an unknown side, or a group that stands on two."""
    if other := sorted(set(split) - {TRAIN, VALID, TEST}):
        raise DataError(f"split holds {other}; accepted are 'train', 'valid', 'test'")
    if groups is None:
        return
    side_of: dict[str, str] = {}
    for group, side in zip(groups, split, strict=True):
        if side_of.setdefault(group, side) != side:
            raise DataError(
                f"documents of group {group!r} stand in {side_of[group]!r} and in {side!r}; "
                "a group may stand on one side only"
            )
