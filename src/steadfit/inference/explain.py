"""Why a text was given its label: for a classifier, or for any function of texts."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike

from steadfit.core.errors import DataError
from steadfit.inference.engines import Engine
from steadfit.inference.ensemble import tempered
from steadfit.inference.explanation import Explanation
from steadfit.inference.integrated_gradients import STEPS, integrated_gradients
from steadfit.inference.occlusion import (
    READINGS,
    occluded_everywhere,
    occluded_ids,
    occluded_text,
    occlusion,
)
from steadfit.inference.predictor import Predictor, class_probabilities
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.text.fields import FieldText
from steadfit.text.spans import Span, token_spans

METHODS = ("auto", "integrated-gradients", "occlusion")
LONG = 2_000  # tokens from which on `auto` occludes
MOST_STEPS = 256
LEAST = float(np.finfo(np.float32).tiny)  # probability of a network, which counts in float32
TOLERANCE = 0.02  # of the log-odds' difference, and at least so many nats

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]+")


def explain(
    predictor: Predictor,
    text: str,
    label: str | None = None,
    method: str = "auto",
    readings: int = READINGS,
    scale: float = 1.0,
) -> Explanation:
    """Weigh each token of a text by how much it speaks for a label.

    Everything is read in float32, whatever the predictor's engine, so that small weights are not
    rounding; where two classes are nearly as likely, the label may thus be another than that of an
    engine in short numbers.

    Args:
        predictor: whose model is in evaluation mode; it is not changed.
        text: of any length; an empty one has its `xxbos`.
        label: one of the predictor's classes; None is the likeliest.
        method: `integrated-gradients`, `occlusion`, or `auto`: the first for texts of up to
            2,000 tokens, the second for longer ones. Gradients take 32 points of the path, and
            twice as many, to 256, while the weights do not add up to two per cent.
        readings: texts that occlusion may read.
        scale: of the logits: one over the temperature, where probabilities are tempered.

    Raises:
        DataError: no such label or method, or as `Predictor.predict` and `occlusion`.
    """
    if method not in METHODS:
        raise DataError(f"method is {method!r}; accepted are {', '.join(METHODS)}.")
    placed = token_spans(predictor.tokenizer, text)
    ids = predictor.tokenizer.encode(text)
    ids = ids[::-1] if predictor.backwards else ids
    engine = Engine(predictor.model, "float32")
    many = predictor.model.multi_label

    def probabilities(
        documents: list[Sequence[int]], least: float = LEAST_PROBABILITY
    ) -> np.ndarray:
        found: np.ndarray = torch.cat(list(class_probabilities(engine, documents))).numpy()
        return tempered(found, scale, many, least) if scale != 1 else found

    # A predictor refuses a model in training mode; asked for one text, it says so.
    predictor.probabilities([])
    row = probabilities([ids])[0]
    target = _class(label, predictor.classes, row)
    if method == "auto":
        method = "occlusion" if len(ids) > LONG else "integrated-gradients"
    widths, gap = [1] * len(ids), None
    if method == "occlusion":
        exact = partial(probabilities, least=LEAST)
        found = occlusion(exact, occluded_ids(ids), len(ids), target, readings, many)
        weights, widths = found.weights.tolist(), found.widths.tolist()
    else:
        weights, gap = _gradients(predictor, ids, target, scale)
    turn = slice(None, None, -1 if predictor.backwards else 1)
    return Explanation(
        text,
        predictor.classes[target],
        float(row[target]),
        method,
        tuple(one.token for one in placed),
        tuple(one.span for one in placed),
        tuple(weights[turn]),
        tuple(widths[turn]),
        gap,
    )


def explain_function(
    probabilities: Callable[[list[str]], ArrayLike],
    text: str,
    classes: Iterable[object],
    label: object = None,
    spans: Sequence[Span] | None = None,
    readings: int = READINGS,
    alike: bool = False,
    multi_label: bool | None = None,
) -> Explanation:
    """Weigh the words of a text for any function from texts to probabilities, by occlusion.

    So a blend, a linear model, or a classifier of another library can be explained. A word is
    occluded by a space in its place.

    Args:
        probabilities: gives `(texts, classes)`; an empty text must be accepted, too.
        text: of any length.
        classes: names of the columns, such as the `classes_` of an estimator.
        label: one of `classes`; None is the likeliest.
        spans: what is occluded together, in the order of the text, without overlap. None is words
            and runs of other signs; for languages without spaces give those of a tokenizer.
        readings: texts that may be given to the function.
        alike: occlude a word everywhere it stands, where there are readings enough for all words.
            A model that counts a word once, such as NBSVM, misses neither of two.
        multi_label: whether each column is a label of its own; if it is None, a row tells, which
            then does not add up to one.

    Raises:
        DataError: no such label, spans that are not as described, or as `occlusion`.
    """
    if isinstance(text, FieldText):
        probabilities = _of_fields(probabilities)
    names = [str(name) for name in classes]
    places = [one.span() for one in _WORD.finditer(text)] if spans is None else list(spans)
    ends = [0, *(place for span in places for place in span), len(text)]
    if any(a > b for a, b in pairwise(ends)):
        raise DataError("The spans overlap, or lie outside of the text; give them in its order.")
    row = np.asarray(probabilities([text]), dtype=np.float64)
    if row.shape != (1, len(names)):
        raise DataError(
            f"The function returned {row.shape} for one text and {len(names)} classes; accepted "
            f"is (1, {len(names)})."
        )
    target = _class(label, names, row[0])
    together = [[number] for number in range(len(places))]
    without = occluded_text(text, places)
    if alike and len(words := _alike(text, places)) < readings:
        together = words
        without = occluded_everywhere(text, [[places[number] for number in one] for one in words])
    found = occlusion(probabilities, without, len(together), target, readings, multi_label)
    weights, widths = np.zeros(len(places)), np.zeros(len(places), dtype=np.int64)
    for numbers, weight, width in zip(together, found.weights, found.widths, strict=True):
        weights[numbers], widths[numbers] = weight / len(numbers), width * len(numbers)
    return Explanation(
        text,
        names[target],
        found.probability,
        "occlusion",
        tuple(text[begin:end] for begin, end in places),
        tuple(places),
        tuple(weights.tolist()),
        tuple(widths.tolist()),
    )


def _of_fields(probabilities: Callable[[list[str]], ArrayLike]) -> Callable[..., ArrayLike]:
    """Return the function for what was made of a text of fields: its markers are markers."""
    return lambda texts: probabilities([FieldText(one) for one in texts])


def _alike(text: str, places: Sequence[Span]) -> list[list[int]]:
    """Return the numbers of places by their words, whatever the case."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, (begin, end) in enumerate(places):
        numbers[text[begin:end].casefold()].append(number)
    return list(numbers.values())


def _class(label: object, classes: Sequence[str], row: np.ndarray) -> int:
    if label is None:
        return int(row.argmax())
    if str(label) not in classes:
        raise DataError(f"label is {label!r}; the classes are {', '.join(map(repr, classes))}.")
    return list(classes).index(str(label))


def _gradients(
    predictor: Predictor, ids: Sequence[int], target: int, scale: float
) -> tuple[list[float], float | None]:
    steps = STEPS
    while True:
        found = integrated_gradients(predictor.model, ids, target, steps, scale)
        allowed = TOLERANCE * max(1.0, math.fabs(found.log_odds - found.baseline))
        if math.fabs(found.gap) <= allowed or steps >= MOST_STEPS:
            return found.weights.tolist(), found.gap
        steps *= 2
