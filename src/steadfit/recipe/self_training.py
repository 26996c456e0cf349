"""Self-training: a linear model learns the labels that network and it give to more texts.

Scudder (1965); two models that see a text differently teach each other (Blum & Mitchell, 1998): the
network reads it in order, NBSVM as a set of words and pairs of words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.ensemble import Ensemble
from steadfit.linear.fit import Assumed
from steadfit.text.corpus import Corpus

FEWEST = 100  # texts without labels, from which on it is worth while
MOST = 4_000  # texts that the networks read for it


def assumed_labels(
    teacher: Ensemble, labelled: Corpus, unlabeled: Sequence[str], share: float
) -> Assumed | None:
    """Return texts without labels with those that a classifier is surest of.

    At most `MOST` are read, at even steps.

    Args:
        teacher: gives the labels.
        labelled: what it has learned from; says how often each class is to occur.
        unlabeled: texts of the same kind.
        share: of them, those with the surest labels; from 0 to 1.

    Returns:
        None where there are fewer than `FEWEST`.
    """
    count = texts_read(unlabeled)
    if not count or not share:
        return None
    texts = [unlabeled[place * len(unlabeled) // count] for place in range(count)]
    table = teacher.probabilities(texts)
    rows = surest(table, _shares(labelled, teacher.classes), share)
    if not len(rows):
        return None
    labels = [teacher.classes[code] for code in table[rows].argmax(axis=1).tolist()]
    return Assumed([texts[row] for row in rows.tolist()], labels)


def texts_read(unlabeled: Sequence[str]) -> int:
    """Return how many texts without labels the networks read: none of fewer than `FEWEST`."""
    return min(MOST, len(unlabeled)) if len(unlabeled) >= FEWEST else 0


def surest(
    probabilities: NDArray[np.float64], shares: NDArray[np.float64], share: float
) -> NDArray[np.int64]:
    """Return the rows whose likeliest class is surest, sorted: of each as many as its share asks.

    Classes keep the shares that labelled texts have: else a first classifier that prefers a class
    would prefer it more and more.

    Args:
        probabilities: (texts, classes).
        shares: (classes,), that sum to one.
        share: of all texts, from 0 to 1.
    """
    codes = probabilities.argmax(axis=1)
    chosen = []
    for code, of_class in enumerate(shares.tolist()):
        rows = np.flatnonzero(codes == code)
        count = min(len(rows), round(share * of_class * len(codes)))
        # Stable, so that among equals the earlier text comes first on every machine.
        order = np.argsort(-probabilities[rows, code], kind="stable")
        chosen.append(rows[order[:count]])
    return np.sort(np.concatenate(chosen))


def _shares(corpus: Corpus, classes: Sequence[str]) -> NDArray[np.float64]:
    labels = list(corpus.labels or ())
    counts = np.array([labels.count(name) for name in classes], dtype=np.float64)
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares
