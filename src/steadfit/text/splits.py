"""Sides of a split, and a seeded draw that never parts a group."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

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
    members: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        members.setdefault(str(position) if groups is None else groups[row], []).append(row)

    def rank(group: str) -> bytes:
        return hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogatepass")).digest()

    drawn: list[int] = []
    for group in sorted(members, key=rank):
        if abs(len(drawn) + len(members[group]) - target) < abs(len(drawn) - target):
            drawn += members[group]
    return drawn


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
