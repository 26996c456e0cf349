"""Labelled documents held out for calibration: of every class, and whole groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.text.corpus import TEST, TRAIN, VALID, Corpus
from steadfit.text.joined_texts import picked

FEWEST = 2  # of a class that is to be held out too


def hold_out(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """Return the corpus split, `fraction` of each class held out; a split that is there is kept.

    With groups whole groups are held out, so that no author or film is on both sides; shares of
    the classes are then as the groups have them, but every class stays among what is learned from.
    Of a class with a single document none is held out. Where documents may have several classes
    they are drawn whatever they have, as long as documents of each are left.

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


def without_test(corpus: Corpus) -> Corpus:
    """Return the documents of a split corpus but for those of "test", in their order."""
    assert corpus.split is not None
    return corpus.select(row for row, side in enumerate(corpus.split) if side != TEST)


def not_judged(texts: Sequence[str], corpus: Corpus) -> Sequence[str]:
    """Return those of more texts that are none of what a corpus holds out, or has for a test.

    What a model is judged by it must not have read, with labels or without.
    """
    judged = {*corpus.part(VALID).texts, *corpus.part(TEST).texts}
    rows = [row for row, text in enumerate(texts) if text not in judged]
    return texts if len(rows) == len(texts) else picked(texts, np.array(rows, np.int64))


def _drawn(corpus: Corpus, fraction: float, seed: int) -> Corpus:
    """Return the corpus split at random, groups whole, with every class on the side of "train".

    Where the first draw leaves a class out there, another one holds a group, or a document without
    groups, out only if documents of all its classes are left.
    """
    drawn = corpus.split_randomly(fraction, seed)
    if {*drawn.part(TRAIN).classes} == {*corpus.classes}:
        return drawn
    units = _units(corpus)
    left = Counter(name for rows in units for row in rows for name in _classes_of(corpus, row))
    wanted = fraction * sum(map(len, units))
    held: list[int] = []
    for place in np.random.default_rng(seed).permutation(len(units)).tolist():
        rows = units[place]
        taken = Counter(name for row in rows for name in _classes_of(corpus, row))
        nearer = len(held) + len(rows) / 2 < wanted
        if nearer and all(left[name] > count for name, count in taken.items()):
            held += rows
            left -= taken
    if held:
        return corpus.split_by_rows(sorted(held))
    missing = sorted({*corpus.classes} - {*drawn.part(TRAIN).classes})
    by_group = "" if corpus.groups is None else " by group"
    why = "all of it is in one group, or nearly" if by_group else "each has a class of its own"
    raise DataError(
        f"Holding out {fraction:.0%}{by_group} leaves no document of {', '.join(missing[:5])} to "
        f"learn from: {why}. Give {'smaller groups' if by_group else 'more documents'}, or texts "
        "to validate on."
    )


def _units(corpus: Corpus) -> list[list[int]]:
    """Return the rows that may be held out, those of a group together."""
    units: dict[object, list[int]] = {}
    for row in range(len(corpus)):
        if corpus.split is None or corpus.split[row] == TRAIN:
            units.setdefault(row if corpus.groups is None else corpus.groups[row], []).append(row)
    return list(units.values())


def _classes_of(corpus: Corpus, row: int) -> Sequence[str]:
    assert corpus.labels is not None
    label = corpus.labels[row]
    return [label] if isinstance(label, str) else list(label)


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
