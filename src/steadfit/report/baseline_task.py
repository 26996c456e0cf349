"""What every baseline is given and gives back: labelled texts to learn from, others to judge by."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError
from steadfit.linear.model import LinearModel


class BaselineResult(NamedTuple):
    """How well a baseline does on held-out texts, and how long it took to train and predict."""

    name: str
    accuracy: float
    seconds: float
    predictions: list[Hashable]  # a label for each test text
    classes: list[Hashable]  # of the columns of `scores`, as first met in the training labels
    scores: NDArray[np.float64]  # (texts, classes): what speaks for each class; the largest wins


def judge(
    fit: Callable[..., LinearModel],
    train_texts: Sequence[str],
    train_labels: Sequence[Hashable],
    test_texts: Sequence[str],
    test_labels: Sequence[Hashable],
) -> BaselineResult:
    """Train with `fit` (texts, labels), uncalibrated, and compare its labels with the answers.

    Raises:
        DataError: as many labels as texts are needed, two classes to train on, one test text.
    """
    began = time.perf_counter()
    if len(test_texts) != len(test_labels):
        raise DataError(
            f"{len(test_texts)} test texts and {len(test_labels)} test labels were given: pass one "
            "label for each text."
        )
    if not len(test_texts):
        raise DataError("0 test texts were given: a baseline needs one at least.")
    model = fit(train_texts, train_labels, calibrated=False)
    scores = model.margins(test_texts)
    predictions = [model.classes[code] for code in scores.argmax(axis=1)]
    seconds = time.perf_counter() - began
    right = sum(a == b for a, b in zip(predictions, test_labels, strict=True))
    return BaselineResult(
        model.name, right / len(predictions), seconds, predictions, list(model.classes), scores
    )
