"""A linear model on counted words: texts → margins and probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.checks import is_number, several_texts, shown
from steadfit.core.errors import DataError
from steadfit.linear.calibration import softmax
from steadfit.linear.counting import counter_of, features

_TOGETHER = 1_000  # texts whose counts are held at a time


@dataclass(frozen=True, eq=False)
class LinearModel:
    """What NBSVM or a logistic regression on TF-IDF has learned; safe to share between threads.

    All numbers are float32, so that a model read from disk predicts what the saved one did, to the
    bit. A text alone gets what it gets among others.

    Attributes:
        classes: labels of the columns of margins and probabilities.
        ngrams: words and pairs of words that are counted.
        idf: (n-grams,) inverse document frequencies, or None where only occurrence counts.
        weights: (n-grams, columns): a column for each class, or, of two classes, one for the
            second.
        bias: (columns,).
        scale: what margins are multiplied by for their softmax to be probabilities.

    Raises:
        DataError: their sizes do not fit together, a number is not finite, or two classes or two
            n-grams are the same.
    """

    classes: tuple[Hashable, ...]
    ngrams: tuple[str, ...]
    idf: NDArray[np.float32] | None
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    scale: float = 1.0
    _counter: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise DataError(f"This is no linear model: {problem}.")
        object.__setattr__(self, "scale", float(self.scale))  # as a file gives it back
        object.__setattr__(self, "_counter", counter_of(self.ngrams))

    @property
    def name(self) -> str:
        """What the field calls such a model."""
        return "NBSVM" if self.idf is None else "TF-IDF + logistic regression"

    def margins(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return what speaks for each class, (texts, classes); the largest wins.

        Raises:
            DataError: `texts` is one string, or an item is none.
        """
        blocks = [
            margins_of(self._counter.transform(part), self.idf, self.weights, self.bias)
            for part in _parts(iter(several_texts(texts)))
        ]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self.classes)))

    def probabilities(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return `(texts, classes)`, the likeliest class being that of the largest margin.

        Raises:
            DataError: as `margins`.
        """
        return softmax(self.scale * self.margins(texts))

    def predict(self, texts: Iterable[str]) -> list[Hashable]:
        """Return a label for each text.

        Raises:
            DataError: as `margins`.
        """
        return [self.classes[code] for code in self.margins(texts).argmax(axis=1)]

    def _problem(self) -> str:
        columns = 1 if len(self.classes) == 2 else len(self.classes)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            return f"its classes are {list(self.classes)}, not two or more different ones"
        if not self.ngrams or len(set(self.ngrams)) < len(self.ngrams):
            return "it counts nothing, or an n-gram twice"
        shapes = [(self.weights, (len(self.ngrams), columns)), (self.bias, (columns,))]
        if self.idf is not None:
            shapes.append((self.idf, (len(self.ngrams),)))
        for array, shape in shapes:
            if array.dtype != np.float32 or array.shape != shape:
                return f"{array.dtype} of shape {array.shape} where float32 {shape} is needed"
            if not np.isfinite(array).all():
                return "it holds numbers that are not finite"
        if not (is_number(self.scale) and 0 < self.scale < np.inf):
            return f"its scale is {shown(self.scale)}, not a positive number"
        if self.idf is not None and not (self.idf > 0).all():
            return "an inverse document frequency is not positive"
        return ""


def margins_of(
    counts: Any,
    idf: NDArray[np.float32] | None,
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return the margins of counted texts, (texts, classes); the arguments as in `LinearModel`."""
    margins: NDArray[np.float64] = features(counts, idf) @ weights.astype(np.float64) + bias
    # Of two classes, the margins of the first are those of the second, negated.
    return np.hstack([-margins, margins]) if margins.shape[1] == 1 else margins


def _parts(texts: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(texts, _TOGETHER)):
        check_texts(part)
        yield part


def check_texts(texts: Iterable[str]) -> None:
    """Raise unless all are strings.

    Raises:
        DataError: one is none.
    """
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"A text is {text!r} ({type(text).__name__}); give a string.")
