"""What a table's columns and a list of classes may say."""

from __future__ import annotations

from collections.abc import Iterable

from steadfit.core.errors import DataError, NotYetError
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.values import names_of, refuse_other_labels

Column = str | int
"""A column's name, or its number from 0."""

SIDES = {"true": VALID, "1": VALID, "valid": VALID, "false": TRAIN, "0": TRAIN, "train": TRAIN}


def require_classes(corpus: Corpus, classes: tuple[str, ...]) -> None:
    """Check that there are classes to tell apart, each with something to learn from.

    Raises:
        DataError: fewer than two, or one without a training document; the message names it.
    """
    if len(classes) < 2:
        raise DataError(
            f"The documents have {len(classes)} class ({', '.join(classes)}); a classifier needs "
            "at least two. Look at the column or folders the labels were read from."
        )
    refuse_other_labels(corpus.labels or (), classes)
    train = set(corpus.part(TRAIN).classes)
    for name in classes:
        if name not in train:
            others = sum(name in names_of(label) for label in corpus.labels or ())
            raise DataError(
                f"class {name!r} has no training document ({others} of validation), so it could "
                "not be learned; split otherwise, or name the other classes with classes=[...]"
            )


def class_names(classes: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the classes as a tuple; one name alone is a class, not letters."""
    if classes is None:
        return None
    return (classes,) if isinstance(classes, str) else tuple(classes)


def one_column(cols: Column | list[Column]) -> Column:
    """Return the one column that was given, alone or in a list as fastai takes it.

    Raises:
        NotYetError: several columns were given.
    """
    if not isinstance(cols, (list, tuple)):
        return cols
    if len(cols) != 1:
        raise NotYetError(
            f"cols={cols!r}: one column is read; join the texts, or the labels, in one column"
        )
    return cols[0]
