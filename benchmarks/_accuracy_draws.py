"""What the columns of `accuracy` may learn from, and the reviews they are judged on.

Of the split's film reviews 18,470 are to learn from and 4,992 to judge by; another 1,440 are of
films that some of these judge, and nothing reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from benchmarks._reviews import reviews

CLASSES = ("neg", "pos")


@dataclass(frozen=True, eq=False)
class Part:
    """Labelled reviews.

    Attributes:
        rows: their numbers in the package of reviews.
        texts: one for each row.
        labels: one of `CLASSES` for each row.
    """

    rows: tuple[int, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, places: Sequence[int]) -> Part:
        """Return the reviews at these places, in this order."""
        return Part(
            tuple(self.rows[place] for place in places),
            tuple(self.texts[place] for place in places),
            tuple(self.labels[place] for place in places),
        )


@dataclass(frozen=True, eq=False)
class Split:
    """Reviews to learn from and reviews to judge by, of other films."""

    train: Part
    test: Part


@dataclass(frozen=True, eq=False)
class Draw:
    """What one training may learn from: nothing in it is a test review, or of a test film.

    Attributes:
        number: of the draw, and the seed of whatever a column leaves to chance.
        labelled: reviews whose labels may be read, in a random order: not every trainer shuffles.
        unlabelled: texts of all other training reviews.
        every_text: labelled and unlabelled texts in an order that is the same for all draws.
    """

    number: int
    labelled: Part
    unlabelled: tuple[str, ...]
    every_text: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What tells this draw from others."""
        told = json.dumps([self.number, self.labelled.rows, len(self.every_text)])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def split_by_film() -> Split:
    """Return the 18,470 and 4,992 reviews of the split that `untar_data` lays out."""
    source = resources.files("steadfit.text") / "data" / "imdb25k_split.json"
    rows = json.loads(source.read_text(encoding="utf-8"))
    return Split(_part(rows["train"]), _part(rows["test"]))


def for_settings(split: Split) -> Split:
    """Return a split of the training reviews alone, to choose settings on.

    The last fifth of each class judges: neighbours are of one film, so few films stand on both
    sides.
    """
    judging: set[int] = set()
    for label in CLASSES:
        places = [place for place, one in enumerate(split.train.labels) if one == label]
        judging.update(places[len(places) * 4 // 5 :])
    learning = [place for place in range(len(split.train)) if place not in judging]
    return Split(split.train.select(learning), split.train.select(sorted(judging)))


def draw(split: Split, labels: int, number: int) -> Draw:
    """Draw so many labelled reviews at random, whatever their classes; the others lose theirs.

    Raises:
        ValueError: there are not so many.
    """
    train = split.train
    if not 0 < labels <= len(train):
        raise ValueError(f"{labels} labels of {len(train)} reviews")
    generator = np.random.default_rng([number, labels])
    places = generator.permutation(len(train))[:labels].tolist()
    known = set(places)
    others = (text for place, text in enumerate(train.texts) if place not in known)
    return Draw(number, train.select(places), tuple(others), train.texts)


def _part(rows: Sequence[int]) -> Part:
    every = reviews()
    rows = sorted(rows, key=lambda row: (every[row].label, row))  # as `untar_data` lays them out
    return Part(
        tuple(rows),
        tuple(every[row].text for row in rows),
        tuple(CLASSES[every[row].label] for row in rows),
    )
