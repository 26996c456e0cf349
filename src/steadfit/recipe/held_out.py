"""Labelled documents held out for calibration: of every class, and whole groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.text.corpus import TRAIN, VALID, Corpus

FEWEST = 2  # of a class that is to be held out too


def hold_out(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """Return the corpus split, `fraction` of each class held out; a split that is there is kept.

    With groups whole groups are held out, so that no author or film is on both sides; shares of
    the classes are then as the groups have them. Of a class with a single document none is.

    Raises:
        DataError: no labels, or so few documents that one side would be empty.
    """
    if corpus.split is not None and VALID in corpus.split:
        return corpus
    if corpus.groups is not None:
        return corpus.split_randomly(fraction, seed)
    if corpus.labels is None:
        raise DataError("The documents have no labels; give one for each.")
    sides = None if corpus.split is None else np.array([one == TRAIN for one in corpus.split])
    rows = np.arange(len(corpus)) if sides is None else np.flatnonzero(sides)
    chosen = stratified([corpus.labels[row] for row in rows.tolist()], fraction, seed)
    if not len(chosen):
        raise DataError(
            f"{len(rows)} documents are too few to hold some out ({fraction:.0%} of each class); "
            "give more, or texts to validate on."
        )
    return corpus.split_by_rows(rows[chosen].tolist())


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
