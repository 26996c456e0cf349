"""A network's probabilities mixed with a linear model's, as far as texts held out ask for it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.bisection import crossing
from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.linear.probabilities import LEAST_PROBABILITY, class_codes, class_probabilities

AUTO, ALWAYS = "auto", "always"
RULES = (AUTO, ALWAYS)
PRIOR = 2.0  # texts that speak for each part before any does
_LEAST_WEIGHT = 1e-9  # where the prior outweighs any number of texts


class HeldOut(NamedTuple):
    """How good probabilities are on texts held out."""

    accuracy: float
    log_loss: float  # mean, in nats


class Blend(NamedTuple):
    """How two models are mixed, and what each and both reach on the texts this was fitted on.

    Attributes:
        weight: of the network; the linear model has the rest. One and zero are one of them alone.
        best_weight: the likeliest one, where the rule did not take it as well.
        gain: by how much less log loss that weight has than the better part alone.
        standard_error: of the gain; infinite for a single text.
        texts: how many were held out.
        network, linear: each alone.
        blend: at `best_weight`.
    """

    weight: float
    best_weight: float
    gain: float
    standard_error: float
    texts: int
    network: HeldOut
    linear: HeldOut
    blend: HeldOut


def fit_blend(network: ArrayLike, linear: ArrayLike, codes: ArrayLike, rule: str = "auto") -> Blend:
    """Return the likeliest mixture w · network + (1 − w) · linear.

    Log loss and not accuracy decides: it is convex in w, has no steps, and tells far more of few
    texts. Before any text speaks, w has the density of Beta(λ + 1, λ + 1) with λ = `PRIOR`, as if
    so many texts had spoken for each part: ten texts cannot tell which part is the better one, and
    both together nearly always are; of some hundred texts it is hardly felt.

    `auto` takes the mixture unless it is worse than the better part, text by text, by more than the
    standard error of that; then the better part alone.

    Both parts should be calibrated (`steadfit.linear.calibration`): a part that is too sure of
    itself gets less weight than it deserves.

    Args:
        network: (texts, classes), probabilities of texts that it has not learned from.
        linear: (texts, classes), the same of the linear model, its classes in the same order.
        codes: (texts,), the column of each text's class.
        rule: `auto`, or `always` for the mixture whatever it gains.

    Raises:
        DataError: no texts, sizes that do not fit together, what is no probability or no column,
            or another rule.
    """
    if rule not in RULES:
        raise DataError(f"rule is {rule!r}; accepted are {', '.join(RULES)}.")
    first, second = _both(network, linear)
    answers = class_codes(codes, first.shape)
    rows = np.arange(len(answers))
    a = np.maximum(first[rows, answers], LEAST_PROBABILITY)
    b = np.maximum(second[rows, answers], LEAST_PROBABILITY)
    best_weight = _likeliest(a, b)
    better_weight = float(np.log(a).mean() >= np.log(b).mean())
    gains = np.log(_mixed(a, b, best_weight)) - np.log(_mixed(a, b, better_weight))
    gain = float(gains.mean())
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
    return Blend(
        best_weight if rule == ALWAYS or gain > -error else better_weight,
        best_weight,
        gain,
        error,
        len(answers),
        _held_out(first, a, answers),
        _held_out(second, b, answers),
        _held_out(_mixed(first, second, best_weight), _mixed(a, b, best_weight), answers),
    )


def blended(network: ArrayLike, linear: ArrayLike, weight: float) -> NDArray[np.float64]:
    """Return w · network + (1 − w) · linear, (texts, classes).

    Raises:
        DataError: sizes that differ, what is no probability, or a weight below zero or above one.
    """
    if number("weight", weight) > 1:
        raise DataError(f"weight is {weight!r}; accepted is a number from 0 to 1.")
    return _mixed(*_both(network, linear), float(weight))


def _mixed(
    first: NDArray[np.float64], second: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    # Not only for speed: each part alone is to come out as it went in, to the bit.
    if weight in (0.0, 1.0):
        return first if weight else second
    return weight * first + (1 - weight) * second


def _likeliest(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the weight of `a` with the least sum of -log(w · a + (1 − w) · b), with the prior."""

    def slope(weight: float) -> float:
        told = float(((b - a) / (weight * a + (1 - weight) * b)).sum())
        return told - PRIOR / weight + PRIOR / (1 - weight)

    return crossing(slope, _LEAST_WEIGHT, 1 - _LEAST_WEIGHT)


def _held_out(
    probabilities: NDArray[np.float64], of_answers: NDArray[np.float64], answers: NDArray[np.int64]
) -> HeldOut:
    right = probabilities.argmax(axis=1) == answers
    return HeldOut(float(right.mean()), float(-np.log(of_answers).mean()))


def _both(network: ArrayLike, linear: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = class_probabilities("network", network)
    second = class_probabilities("linear", linear)
    if first.shape != second.shape:
        raise DataError(
            f"The network's probabilities are {first.shape} and the linear model's "
            f"{second.shape}; give both (texts, classes), of the same texts and classes."
        )
    return first, second
