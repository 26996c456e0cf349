"""Labelled documents held out for calibration: of every class, and whole groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.text.corpus import TRAIN, VALID, Corpus

FEWEST = 2  # of a class that is to be held out too
DRAWS = 50  # of groups


def hold_out(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """Return the corpus split, `fraction` of each class held out; a split that is there is kept.

    With groups whole groups are held out, so that no author or film is on both sides; shares of
    the classes are then as the groups have them, but every class stays among what is learned from.
    Of a class with a single document none is held out. Where documents may have several classes
    they are drawn whatever they have.

    Raises:
        DataError: no labels, so few documents that one side would be empty, or groups that leave
            no document of some class to learn from.
    """
    if corpus.labels is None:
        raise DataError("The documents have no labels; give one for each.")
    if corpus.split is not None and VALID in corpus.split:
        return corpus
    if corpus.groups is not None or corpus.multi_label:
        return _drawn(corpus, fraction, seed)
    sides = None if corpus.split is None else np.array([one == TRAIN for one in corpus.split])
    rows = np.arange(len(corpus)) if sides is None else np.flatnonzero(sides)
    chosen = stratified([corpus.labels[row] for row in rows.tolist()], fraction, seed)
    if not len(chosen):
        raise DataError(
            f"{len(rows)} documents are too few to hold some out ({fraction:.0%} of each class); "
            "give more, or texts to validate on."
        )
    return corpus.split_by_rows(rows[chosen].tolist())


def _drawn(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """Return the corpus split at random, groups whole, with every class on the side of "train"."""
    missing: list[str] = []
    for attempt in range(DRAWS):
        drawn = corpus.split_randomly(fraction, seed + attempt)
        missing = sorted({*corpus.classes} - {*drawn.part(TRAIN).classes})
        if not missing:
            return drawn
    raise DataError(
        f"Holding out {fraction:.0%} by group leaves no document of {', '.join(missing[:5])} to "
        "learn from: all of it is in one group, or nearly. Give smaller groups, or texts to "
        "validate on."
    )


def stratified(labels: Sequence[str], fraction: float, seed: int) -> NDArray[np.int64]:
    """Return places drawn from each class, `fraction` of it and one at least, sorted."""
    generator = np.random.default_rng(seed)
    names = np.asarray(labels, dtype=object)
    chosen = []
    for name in sorted(set(labels)):
        places = np.flatnonzero(names == name)
        if len(places) >= FEWEST:
            count = min(len(places) - 1, max(1, round(fraction * len(places))))
            chosen.append(generator.permutation(places)[:count])
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
