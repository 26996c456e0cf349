"""What every baseline is given and gives back: labelled texts to learn from, others to judge by."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError

FEW = 2_000  # documents: below, words that occur once are worth keeping


class BaselineResult(NamedTuple):
    """How well a baseline does on held-out texts, and how long it took to train and predict."""

    name: str
    accuracy: float
    seconds: float
    predictions: list[Hashable]  # a label for each test text
    classes: list[Hashable]  # of the columns of `scores`, as first met in the training labels
    scores: NDArray[np.float64]  # (texts, classes): what speaks for each class; the largest wins


class BaselineTask:
    """Texts to learn from and texts to be judged by; the clock runs from here.

    Attributes:
        classes: the labels, in the order in which the training texts first have them.
        codes: (training texts,), where in `classes` the label of each is.

    Raises:
        DataError: as many labels as texts are needed, two classes to train on, one test text.
    """

    def __init__(
        self,
        train_texts: Sequence[str],
        train_labels: Sequence[Hashable],
        test_texts: Sequence[str],
        test_labels: Sequence[Hashable],
    ) -> None:
        self._began = time.perf_counter()
        for part, texts, labels in (
            ("training", train_texts, train_labels),
            ("test", test_texts, test_labels),
        ):
            if len(texts) != len(labels):
                raise DataError(
                    f"{len(texts)} {part} texts and {len(labels)} {part} labels were given: pass "
                    "one label for each text."
                )
        code_of = {label: code for code, label in enumerate(dict.fromkeys(train_labels))}
        if len(code_of) < 2 or not test_texts:
            raise DataError(
                f"{len(code_of)} classes to train on and {len(test_texts)} test texts were given: "
                "a baseline needs two classes and one test text at least."
            )
        self.classes: list[Hashable] = list(code_of)
        self.codes = np.array([code_of[label] for label in train_labels])
        self._texts = train_texts, test_texts
        self._answers = test_labels

    @property
    def least_documents(self) -> int:
        """In how many training texts a word or pair of words has to occur."""
        return 1 if len(self.codes) < FEW else 2

    def counted(self, counter: Any) -> tuple[Any, Any]:
        """Return training and test texts as sparse matrices (texts, words and pairs of words).

        Raises:
            DataError: `counter`, a vectorizer of scikit-learn, finds no words to count.
        """
        train, test = self._texts
        try:
            return counter.fit_transform(train), counter.transform(test)
        except ValueError as error:
            raise DataError(
                "The training texts share no words of two letters or more, so there is nothing to "
                "count. Look at the texts."
            ) from error

    def judge(self, name: str, margins: NDArray[np.float64]) -> BaselineResult:
        """Return what the `margins` of the test texts, (texts, classes), make of them.

        Of two classes margins may be (texts,), those of the second.
        """
        scores = np.column_stack([-margins, margins]) if margins.ndim == 1 else margins
        predictions = [self.classes[code] for code in scores.argmax(axis=1)]
        seconds = time.perf_counter() - self._began
        right = sum(a == b for a, b in zip(predictions, self._answers, strict=True))
        return BaselineResult(
            name, right / len(predictions), seconds, predictions, self.classes, scores
        )
