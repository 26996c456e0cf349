"""Texts, labels, groups and weights of a fit, put together and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.estimator.classes import Classes, classes_of
from steadfit.estimator.sample_weights import weights_of
from steadfit.estimator.texts import texts_of
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.values import label_value, names_of


class FitData(NamedTuple):
    """What a fit learns from.

    Attributes:
        corpus: documents with labels, and a split where texts to validate on were given.
        classes: as they were given.
        weights: (documents,), above zero, or None.
        unlabeled: more texts.
    """

    corpus: Corpus
    classes: Classes
    weights: NDArray[np.float64] | None
    unlabeled: Sequence[str]


def fit_data(
    texts: Any,
    labels: Any,
    unlabeled: Any,
    valid: Any,
    groups: Any,
    weights: Any,
    columns: Any,
    classes: Classes | bool | str,
) -> FitData:
    """Read the arguments of a fit.

    Args:
        texts: see `texts_of`; `unlabeled` alike.
        labels: see `classes_of`.
        unlabeled: or None.
        valid: a pair of texts and labels, or None.
        groups: one a text, or None.
        weights: one number a text, or None. A text that weighs zero is left out: nothing is learned
            from it, and nothing is to be judged by it.
        columns: of a table, that hold the texts.
        classes: those that are known, or what `multi_label` says of them.

    Raises:
        DataError: lengths that differ, or what `texts_of` and `Classes` refuse.
    """
    documents = list(texts_of(texts, columns))
    if not any(text and not text.isspace() for text in documents):
        raise DataError(f"All {len(documents):,} texts are empty; there is nothing to learn from.")
    labels = list(labels) if isinstance(labels, Iterator) else labels
    known = classes if isinstance(classes, Classes) else classes_of(labels, classes)
    names = known.read(labels)
    _same_length("labels", names, documents)
    kept = None if groups is None else _groups(groups, len(documents))
    numbers = None
    if weights is not None:
        numbers = weights_of(weights, len(names))
        if known is not classes:
            _check_counting(names, numbers)
        documents, names = _where(numbers, documents), _where(numbers, names)
        kept = None if kept is None else _where(numbers, kept)
        numbers = numbers[numbers > 0]
    split = None
    if valid is not None:
        more, more_names = _valid(valid, columns, known)
        split = [TRAIN] * len(documents) + [VALID] * len(more)
        documents, names = [*documents, *more], [*names, *more_names]
        kept = None  # who is on which side is decided
        if numbers is not None:  # should `refit` learn from them, they count as the others do
            numbers = np.append(numbers, np.full(len(more), numbers.mean()))
    corpus = Corpus(documents, names, kept, split)
    return FitData(corpus, known, numbers, _unlabeled(unlabeled, columns))


def _unlabeled(given: Any, columns: Any) -> Sequence[str]:
    return [] if given is None else texts_of(given, columns, "unlabeled texts", least=0)


def _valid(valid: Any, columns: Any, known: Classes) -> tuple[list[str], list[Any]]:
    if not isinstance(valid, (tuple, list)) or len(valid) != 2:
        raise DataError(f"valid is {shown(valid)}; a pair (texts, labels) is accepted.")
    texts = list(texts_of(valid[0], columns, "texts of valid"))
    names = known.read(valid[1])
    _same_length("labels of valid", names, texts)
    return texts, names


def _groups(groups: Any, count: int) -> list[str]:
    if isinstance(groups, (str, Mapping)) or not isinstance(groups, Iterable):
        raise DataError(f"groups is {shown(groups)}; a list with one for each text is accepted.")
    values = list(groups.tolist() if hasattr(groups, "tolist") else groups)
    _same_length("groups", values, range(count))
    return [label_value(one, f"row {row}", "group") for row, one in enumerate(values)]


def _check_counting(names: list[Any], numbers: NDArray[np.float64]) -> None:
    counting = {one for name in _where(numbers, names) for one in names_of(name)}
    if len(counting) < 2:
        raise DataError(
            "All texts whose sample weight is not zero have one class; a classifier needs two "
            "classes."
        )
    if missing := sorted({one for name in names for one in names_of(name)} - counting):
        raise DataError(
            f"All texts of the class {', '.join(map(repr, missing[:5]))} have a sample weight of "
            "zero, so nothing could be learned of it. Leave those texts out, or give one of each "
            "class a weight above zero."
        )


def _where(numbers: NDArray[np.float64], values: list[Any]) -> list[Any]:
    """Return the values whose number is not zero."""
    return list(compress(values, numbers > 0))


def _same_length(what: str, values: Any, texts: Any) -> None:
    if len(values) != len(texts):
        raise DataError(
            f"{len(texts):,} texts and {len(values):,} {what} were given; one for each is needed."
        )
