"""Whether what is said with 80 % is right 8 times in 10: calibration, with what chance adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import LARGEST_SEED, whole_number
from steadfit.core.errors import DataError
from steadfit.linear.probabilities import (
    LEAST_PROBABILITY,
    class_codes,
    class_probabilities,
    label_marks,
    label_probabilities,
)
from steadfit.report.comparison import Interval

RULES = ("equal-mass", "equal-width")


class Bin(NamedTuple):
    """Forecasts of about one probability: a point of a reliability diagram."""

    low: float  # forecasts are above this border; the first bin holds its own
    high: float
    forecasts: int
    confidence: float  # their mean probability
    accuracy: float  # the share that came true


class Estimate(NamedTuple):
    """A number measured on some texts, and the 95 % interval of what it is on all such texts."""

    value: float
    interval: Interval


class Reliability(NamedTuple):
    """How far probabilities can be trusted.

    A forecast is the largest probability of a text, which comes true where the likeliest class is
    right; of many labels it is each probability of each label.

    Attributes:
        texts: how many.
        bins: equal-mass, for a reliability diagram.
        ece: expected calibration error over `bins`.
        ece_by_chance: what 95 of 100 sets of so many texts stay below were the probabilities
            exactly right: an `ece` up to this says nothing against them.
        ece_equal_width: the same error over bins of equal width, as papers report it.
        brier: the Brier score: the squared distance to what came true, summed over the classes of
            a text (0 to 2; Brier, 1950), or the mean over labels (0 to 1).
        log_loss: mean over texts, or over texts and labels, in nats.
    """

    texts: int
    bins: tuple[Bin, ...]
    ece: Estimate
    ece_by_chance: float
    ece_equal_width: Estimate
    brier: Estimate
    log_loss: Estimate


def reliability(
    probabilities: ArrayLike,
    answers: ArrayLike,
    multi_label: bool = False,
    bins: int = 15,
    resamples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Return how well calibrated probabilities are, with intervals from a bootstrap over texts.

    The expected calibration error is Σ_b |B_b| / n · |accuracy(B_b) − confidence(B_b)| (Naeini et
    al., 2015; Guo et al., 2017, equation 3). It cannot be negative, so chance alone makes it
    positive, and a resample adds chance once more: its interval is therefore the basic one, 2 · ece
    − quantiles of the resamples, widened to the error itself where it would miss it, and begins at
    zero where chance alone would give the error to right probabilities. It is approximate. Those of
    the means are the quantiles. Bins are not moved in resamples.

    Args:
        probabilities: (texts, classes), of texts that neither the model nor its scale has seen.
        answers: (texts,), the column of each text's class; with `multi_label` (texts, labels), one
            where a text has the label.
        multi_label: whether a text may have any number of labels.
        bins: at most so many; fewer where forecasts are tied.
        resamples: of the bootstrap, and of the sets that chance would give.
        seed: of both.

    Raises:
        DataError: what is no probability or answer, or a number out of range.
    """
    whole_number("resamples", resamples, 1)
    rng = np.random.default_rng(whole_number("seed", seed, 0, LARGEST_SEED))
    confidence, right, brier, log_loss = _forecasts(probabilities, answers, multi_label)
    gap = right - confidence
    places = [place_in_bins(confidence, bins, rule)[0] for rule in RULES]

    def ece(place: NDArray[np.int64], gaps: NDArray[np.float64]) -> float:
        return float(np.abs(np.bincount(place.ravel(), gaps.ravel())).sum()) / gaps.size

    drawn = np.empty((resamples, 4))
    chance = np.empty((resamples, 2))
    for row in range(resamples):
        texts = rng.integers(len(gap), size=len(gap))
        errors = [ece(place[texts], gap[texts]) for place in places]
        drawn[row] = *errors, brier[texts].mean(), log_loss[texts].mean()
        luck = (rng.random(gap.shape) < confidence) - confidence
        chance[row] = [ece(place, luck) for place in places]
    by_chance = np.quantile(chance, 0.95, axis=0).tolist()
    lows, highs = np.quantile(drawn, (0.025, 0.975), axis=0).tolist()
    eces = [
        _error(ece(place, gap), lows[i], highs[i], by_chance[i]) for i, place in enumerate(places)
    ]
    means = [
        Estimate(float(values.mean()), Interval(lows[i], highs[i]))
        for i, values in ((2, brier), (3, log_loss))
    ]
    return Reliability(
        len(gap),
        reliability_bins(confidence.ravel(), right.ravel(), bins),
        eces[0],
        by_chance[0],
        eces[1],
        *means,
    )


def reliability_bins(
    confidence: ArrayLike, right: ArrayLike, bins: int = 15, rule: str = "equal-mass"
) -> tuple[Bin, ...]:
    """Return the points of a reliability diagram; a bin without forecasts is left out.

    Args:
        confidence: (forecasts,), a probability each.
        right: (forecasts,), one where it came true, else zero.
        bins: at most so many.
        rule: "equal-mass" for borders at quantiles, so that bins are equally well known, or
            "equal-width". A border belongs to the bin below it, and equal forecasts to one bin.

    Raises:
        DataError: no forecasts, sizes that differ, or what is no probability, number or rule.
    """
    table = label_probabilities("confidence", np.reshape(np.asarray(confidence), (-1, 1)))
    came_true = label_marks(np.reshape(np.asarray(right), (-1, 1)), table.shape)[:, 0]
    place, borders = place_in_bins(table[:, 0], bins, rule)
    count = np.bincount(place, minlength=len(borders) - 1)
    sums = np.bincount(place, table[:, 0], len(count)), np.bincount(place, came_true, len(count))
    return tuple(
        Bin(
            float(borders[b]),
            float(borders[b + 1]),
            int(count[b]),
            float(sums[0][b] / count[b]),
            float(sums[1][b] / count[b]),
        )
        for b in np.flatnonzero(count)
    )


def place_in_bins(
    confidence: NDArray[np.float64], bins: int, rule: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the bin of each forecast, in their shape, and the borders, (bins + 1,).

    Raises:
        DataError: no whole number of bins from 1, or another rule.
    """
    borders = np.linspace(0, 1, whole_number("bins", bins, 1, 100_000) + 1)
    if rule not in RULES:
        raise DataError(f"rule is {rule!r}; accepted are {', '.join(RULES)}.")
    if rule == "equal-mass":
        borders = np.quantile(confidence, borders)
    return np.searchsorted(borders[1:-1], confidence).astype(np.int64), borders


def _error(value: float, low: float, high: float, by_chance: float) -> Estimate:
    """Return an error with its interval, from quantiles of resamples and of what chance gives."""
    least = min(max(2 * value - high, 0.0), value) if value > by_chance else 0.0
    # A resample adds chance: of nearly right probabilities each may have a larger error.
    return Estimate(value, Interval(least, max(2 * value - low, value)))


def _forecasts(
    probabilities: ArrayLike, answers: ArrayLike, multi_label: bool
) -> tuple[NDArray[np.float64], ...]:
    """Return forecasts and whether they came true, (texts, forecasts), Brier scores and log losses.

    A probability of zero for what came true counts as LEAST_PROBABILITY in the log loss.
    """
    if multi_label:
        table = label_probabilities("probabilities", probabilities)
        has = label_marks(answers, table.shape)
        of_answers = np.where(has, table, 1 - table)
        losses = -np.log(np.maximum(of_answers, LEAST_PROBABILITY)).mean(axis=1)
        return table, has.astype(np.float64), ((table - has) ** 2).mean(axis=1), losses
    table = class_probabilities("probabilities", probabilities)
    codes = class_codes(answers, table.shape)
    right = (table.argmax(axis=1) == codes)[:, None].astype(np.float64)
    brier = ((table - np.eye(table.shape[1])[codes]) ** 2).sum(axis=1)
    of_answers = np.maximum(table[np.arange(len(codes)), codes], LEAST_PROBABILITY)
    # What rounding puts above one is none of the bins.
    return np.minimum(table.max(axis=1, keepdims=True), 1.0), right, brier, -np.log(of_answers)
