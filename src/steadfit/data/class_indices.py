"""Labels as places among the classes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError, FileFormatError
from steadfit.data.label_sets import LabelSets
from steadfit.data.token_store import TokenStore
from steadfit.text.corpus import Corpus
from steadfit.text.values import refuse_other_labels

_ADVICE = "Delete the folder and prepare the texts again."


def class_indices(
    corpus: Corpus, classes: Sequence[str] | None
) -> tuple[list[str] | None, NDArray[np.int64] | LabelSets | None]:
    """Return the names of the classes, and the place of each document's label or labels.

    Raises:
        DataError: a class is named twice, a label is none of them, or there are no labels; or no
            document has one, where each may have several, and no classes are given.
    """
    if corpus.labels is None:
        if classes is not None:
            raise DataError(
                f"classes={list(classes)} were given, but the corpus has no labels: label it "
                "first, or leave classes out."
            )
        return None, None
    names = list(corpus.classes if classes is None else classes)
    index = {name: place for place, name in enumerate(names)}
    if len(index) != len(names):
        raise DataError(f"A class is named twice in {names}.")
    refuse_other_labels(corpus.labels, names)
    if corpus.multi_label and not names:
        raise DataError(
            f"None of the {len(corpus):,} documents has a label, so there is no class: label some, "
            "give classes, or leave the labels out for texts without any."
        )
    if corpus.multi_label:
        sets = [[index[name] for name in label] for label in corpus.labels]
        return names, LabelSets.of(sets, len(names))
    places = (index[label] for label in corpus.labels)
    return names, np.fromiter(places, np.int64, len(corpus))


def written_labels(corpus: Corpus) -> Iterator[str]:
    """Yield each document's label, or its labels as JSON: what a store's key is made of."""
    for label in corpus.labels or ():
        yield label if isinstance(label, str) else json.dumps(label)


def check_classes(store: TokenStore) -> None:
    """Compare a store's labels with the classes it names.

    Raises:
        FileFormatError: they do not belong together.
    """
    classes, labels = store.meta.get("classes"), store.labels
    if classes is None and labels is None:
        return
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if classes is None or not named or len(set(classes)) != len(classes) or labels is None:
        raise FileFormatError(f"{store.folder / 'meta.json'} names no classes. {_ADVICE}")
    if isinstance(labels, LabelSets):
        beyond = labels.classes != len(classes)
    else:
        beyond = bool(labels.size) and not 0 <= labels.min() <= labels.max() < len(classes)
    if beyond:
        raise FileFormatError(
            f"{store.folder} holds labels beyond the {len(classes)} classes. {_ADVICE}"
        )
