"""Thresholds that are best for a metric on texts held out, kept where that is no accident."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import LARGEST_SEED, whole_number
from steadfit.inference.cuts import best_class_threshold, best_label_threshold
from steadfit.inference.decision import Decision
from steadfit.inference.metrics import Counts, check_metric, metric_of, metric_of_label
from steadfit.linear.probabilities import (
    class_codes,
    class_probabilities,
    label_marks,
    label_probabilities,
)

HALVINGS = 5
RESAMPLES = 200
_ROUNDS = 10  # of a search class by class; it ends when no class gains, mostly after two or three
_LEAST_GAIN = 1e-9
_LEAST_TEXTS = 4  # fewer cannot be halved with two on either side

Given = NDArray[Any]  # (texts,) codes, or (texts, labels) marks


class Tuned(NamedTuple):
    """A decision, and what speaks for its thresholds.

    Attributes:
        decision: with the thresholds found if they are kept, else untuned ones.
        kept: whether they are.
        found: the decision that is best on these texts.
        untuned_score: the metric without thresholds, on these texts.
        found_score: the metric of `found` on the texts it was found on: too good.
        gain: by how much thresholds found on one half were better on the other.
        standard_error: of that gain.
        texts: how many were held out.
    """

    decision: Decision
    kept: bool
    found: Decision
    untuned_score: float
    found_score: float
    gain: float
    standard_error: float
    texts: int


def tune_decision(
    probabilities: ArrayLike,
    answers: ArrayLike,
    classes: Sequence[str],
    metric: str = "macro-f1",
    multi_label: bool = False,
    seed: int = 0,
) -> Tuned:
    """Return the thresholds with the best metric on texts held out, if others confirm the gain.

    Every threshold that makes a difference is tried. For two classes, for any number of labels and
    for the F1 of a label nothing is better on these texts. For more classes the search goes class
    by class, over all thresholds of one while the others stay, until none gains; with "f1:<class>"
    that class alone has its threshold moved. It ends at an optimum that no one threshold improves.

    Few texts are easily fitted. So they are also halved five times; thresholds found on each half
    judge the other. Thresholds are kept where the mean gain on halves that they have not seen is
    more than its standard error (a bootstrap over texts); otherwise the decision stays untuned.
    The rule always applies: with many texts a gain that is real passes it.

    Args:
        probabilities: (texts, classes), of texts that the model has not learned from.
        answers: (texts,), the column of each text's class; with `multi_label` (texts, labels), one
            where a text has the label.
        classes: names of the columns.
        metric: "accuracy", "macro-f1", "balanced-accuracy" or "f1:<class>". With `multi_label` the
            mean over all labels of each label's own metric, zero where a label has no F1.
        multi_label: whether a text may have any number of labels.
        seed: of halves and bootstrap.

    Raises:
        DataError: probabilities, answers, names, metric or seed that are not what is accepted.
    """
    untuned = Decision(tuple(classes), multi_label=multi_label)
    check_metric(metric, untuned.classes)
    rng = np.random.default_rng(whole_number("seed", seed, 0, LARGEST_SEED))
    if multi_label:
        table = label_probabilities("probabilities", probabilities)
        truth: Given = label_marks(answers, table.shape)
    else:
        table = class_probabilities("probabilities", probabilities)
        truth = class_codes(answers, table.shape)
    plain = _given(untuned, table)  # refuses another number of columns
    found = _tuned(untuned, metric, table, truth)
    once = np.ones(len(table))
    untuned_score = _score(found, metric, plain, truth, once)
    found_score = _score(found, metric, _given(found, table), truth, once)
    gain, error = 0.0, float("inf")
    if len(table) >= _LEAST_TEXTS:
        unseen = [_cross_fitted(untuned, metric, table, truth, rng) for _ in range(HALVINGS)]

        def gain_of(weights: NDArray[np.float64]) -> float:
            scores = [_score(untuned, metric, one, truth, weights) for one in unseen]
            return sum(scores) / HALVINGS - _score(untuned, metric, plain, truth, weights)

        gain = gain_of(once)
        drawn = [
            np.bincount(rng.integers(len(table), size=len(table)), minlength=len(table))
            for _ in range(RESAMPLES)
        ]
        error = float(np.std([gain_of(weights.astype(np.float64)) for weights in drawn], ddof=1))
    kept = gain > error and found_score > untuned_score + _LEAST_GAIN
    decision = found if kept else untuned
    return Tuned(decision, kept, found, untuned_score, found_score, gain, error, len(table))


def _tuned(untuned: Decision, metric: str, table: NDArray[np.float64], truth: Given) -> Decision:
    search = _labels_tuned if untuned.multi_label else _classes_tuned
    return search(untuned, metric, table, truth)


def _labels_tuned(
    untuned: Decision, metric: str, table: NDArray[np.float64], has: NDArray[np.bool_]
) -> Decision:
    thresholds = [
        best_label_threshold(metric, table[:, k], has[:, k], start)
        if not metric.startswith("f1:") or metric[3:] == untuned.classes[k]
        else start
        for k, start in enumerate(untuned.thresholds)
    ]
    return Decision(untuned.classes, tuple(thresholds), multi_label=True, metric=metric)


def _classes_tuned(
    untuned: Decision, metric: str, table: NDArray[np.float64], codes: NDArray[np.int64]
) -> Decision:
    count = len(untuned.classes)
    columns = list(range(count))
    if metric.startswith("f1:"):
        columns = [untuned.classes.index(metric[3:])]
    elif count == 2:
        columns = [1]  # of two, one threshold says it all
    once = np.ones(len(table))
    best, thresholds = untuned, np.array(untuned.thresholds)
    score = _score(best, metric, _given(best, table), codes, once)
    for _ in range(_ROUNDS if len(columns) > 1 else 1):
        before = score
        for column in columns:
            tried = thresholds.copy()
            tried[column] = best_class_threshold(metric, column, table, codes, thresholds)
            tried /= tried.sum()
            if not (tried > 0).all():
                continue
            decision = Decision(untuned.classes, tuple(tried.tolist()), metric=metric)
            reached = _score(decision, metric, _given(decision, table), codes, once)
            if reached > score + _LEAST_GAIN:
                best, thresholds, score = decision, tried, reached
        if score == before:
            break
    return best


def _cross_fitted(
    untuned: Decision,
    metric: str,
    table: NDArray[np.float64],
    truth: Given,
    rng: np.random.Generator,
) -> Given:
    """Return what each text is given with thresholds found on the half it is not in."""
    drawn = rng.random(len(table))
    # One class a text: each is halved, so that a rare one stands in both.
    order = np.lexsort((drawn, truth)) if truth.ndim == 1 else np.argsort(drawn)
    first = np.zeros(len(table), dtype=bool)
    first[order[::2]] = True
    given = np.empty_like(truth)
    for half in (first, ~first):
        decision = _tuned(untuned, metric, table[~half], truth[~half])
        given[half] = _given(decision, table[half])
    return given


def _given(decision: Decision, table: NDArray[np.float64]) -> Given:
    return decision.marks(table) if decision.multi_label else decision.codes(table)


def _score(
    decision: Decision, metric: str, given: Given, truth: Given, weights: NDArray[np.float64]
) -> float:
    """Return the metric of what texts are given, each counted as often as its weight says."""
    if decision.multi_label:
        right, there, marked = (weights @ one for one in (given & truth, truth, given))
        scores = metric_of_label(metric, right, there, marked, int(weights.sum()))
        if metric.startswith("f1:"):
            return float(scores[decision.classes.index(metric[3:])])
        return float(scores.mean())
    size = len(decision.classes)
    counts = Counts(
        np.bincount(truth, weights * (given == truth), minlength=size).astype(np.float64),
        np.bincount(truth, weights, minlength=size).astype(np.float64),
        np.bincount(given, weights, minlength=size).astype(np.float64),
    )
    return float(metric_of(metric, counts, decision.classes))
