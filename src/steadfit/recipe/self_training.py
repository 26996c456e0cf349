"""Self-training: texts without labels get those of a first classifier; a second learns from all.

Scudder (1965), Yarowsky (1995); of pretrained networks Mukherjee & Awadallah (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.ensemble import Ensemble
from steadfit.text.corpus import TRAIN, VALID, Corpus

Fit = Callable[[Corpus, str], Ensemble]


def self_train(fit: Fit, corpus: Corpus, unlabeled: Sequence[str], fraction: float) -> Ensemble:
    """Train a classifier on labelled texts, then another on these and on texts that it labelled.

    Args:
        fit: trains on a labelled corpus; its second argument tells both trainings apart.
        corpus: labelled, with a split; what is "valid" in it is held out from both.
        unlabeled: texts of the same kind.
        fraction: of `unlabeled`, those with the surest labels.
    """
    teacher = fit(corpus, "teacher")
    table = teacher.probabilities(unlabeled)
    rows = confident_rows(table, _shares(corpus, teacher.classes), fraction)
    labels = [teacher.classes[code] for code in table[rows].argmax(axis=1).tolist()]
    return fit(_with(corpus, [unlabeled[row] for row in rows.tolist()], labels), "student")


def confident_rows(
    probabilities: NDArray[np.float64], shares: NDArray[np.float64], fraction: float
) -> NDArray[np.int64]:
    """Return the rows whose labels are surest, sorted: of each class as many as its share asks.

    Classes keep the shares that labelled texts have: else a first classifier that prefers a class
    would prefer it more and more.

    Args:
        probabilities: (texts, classes).
        shares: (classes,), that sum to one.
        fraction: of all texts, from 0 to 1.
    """
    codes = probabilities.argmax(axis=1)
    chosen = []
    for code, share in enumerate(shares.tolist()):
        rows = np.flatnonzero(codes == code)
        count = min(len(rows), round(fraction * share * len(codes)))
        # Stable, so that among equals the earlier text comes first on every machine.
        order = np.argsort(-probabilities[rows, code], kind="stable")
        chosen.append(rows[order[:count]])
    return np.sort(np.concatenate(chosen))


def _shares(corpus: Corpus, classes: Sequence[str]) -> NDArray[np.float64]:
    labels = list(corpus.part(TRAIN).labels or ())
    counts = np.array([labels.count(name) for name in classes], dtype=np.float64)
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _with(corpus: Corpus, texts: Sequence[str], labels: Sequence[str]) -> Corpus:
    """Return the corpus with more texts to learn from."""
    train, valid = corpus.part(TRAIN), corpus.part(VALID)
    every = [*train.texts, *texts, *valid.texts]
    names = [*(train.labels or ()), *labels, *(valid.labels or ())]
    return Corpus(every, names).split_by_rows(range(len(every) - len(valid), len(every)))
