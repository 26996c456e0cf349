"""What a test tells of a classifier: of sets of labels, beside another, and as lines to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.console import say
from steadfit.inference.metrics import Counts, f1_scores
from steadfit.report.comparison import Comparison, wilson_interval
from steadfit.report.metrics_table import print_evaluation
from steadfit.report.reliability import reliability
from steadfit.report.tables import Column, print_table


def evaluation_of_sets(
    labels: Sequence[Sequence[str]],
    predictions: Sequence[Sequence[str]],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Return how good sets of labels are, as JSON values.

    `accuracy` is the share of texts all of whose labels are right and that lack none, with Wilson's
    95 % interval; micro-F1 counts all labels of all texts together, and macro-F1 is the mean over
    all labels, zero for one that no text has or is given, as in scikit-learn and `tune_decision`.
    """
    truth, given = _marks(labels, classes), _marks(predictions, classes)
    counts = Counts(*(one.sum(axis=0).astype(np.float64) for one in (truth & given, truth, given)))
    right = int((truth == given).all(axis=1).sum())
    together = Counts(*(one.sum(keepdims=True) for one in counts))
    f1 = f1_scores(counts)
    reliable = reliability(probabilities, truth.astype(np.int64), multi_label=True)
    return {
        "texts": len(labels),
        "classes": list(classes),
        "accuracy": {"value": right / len(labels), **wilson_interval(right, len(labels))._asdict()},
        "micro_f1": float(f1_scores(together)[0]),
        "macro_f1": float(f1.mean()),
        "per_class": [
            {"class": name, "f1": float(f1[place]), "support": int(counts.there[place])}
            for place, name in enumerate(classes)
        ],
        "log_loss": {"value": reliable.log_loss.value, **reliable.log_loss.interval._asdict()},
        "ece": {"value": reliable.ece.value, **reliable.ece.interval._asdict()},
    }


def print_measured(found: dict[str, Any]) -> None:
    """Print an evaluation, of classes or of sets, as tables."""
    if "micro_f1" not in found:
        print_evaluation(found)
    else:
        _print_sets(found)
    if decided := found.get("decided"):
        share = decided["texts"] / found["texts"]
        right = "–" if decided["accuracy"] is None else f"{decided['accuracy']:.1%}"
        say(
            f"Of {share:.1%} of the texts the probability is {decided['abstain_below']:g} or more; "
            f"of these {right} are right. The others get no label from `predict`."
        )


def plain(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {**found._asdict(), "interval": found.interval._asdict()}


def comparison_line(found: Comparison, first: str, second: str) -> str:
    """Return a comparison as a sentence or two."""
    sure = "more than chance would" if found.p_value < 0.05 else "no more than chance may"
    return (
        f"{first} has {found.first_accuracy:.1%} right, {second} {found.second_accuracy:.1%}: "
        f"{found.difference:+.1%} ({found.interval.low:+.1%} to {found.interval.high:+.1%}). "
        f"{found.only_first:,} texts only the first has right, {found.only_second:,} only the "
        f"second: they differ by {sure} (exact McNemar test, p = {found.p_value:.2g})."
    )


def _print_sets(found: dict[str, Any]) -> None:
    rows = [{"measure": "texts", "value": f"{found['texts']:,}"}]
    for name, title in (("accuracy", "all labels right"), ("log_loss", "log loss (nats)")):
        one = found[name]
        spec = ".1%" if name == "accuracy" else ".3f"
        between = f"{format(one['low'], spec)} to {format(one['high'], spec)}"
        rows.append({"measure": title, "value": format(one["value"], spec), "95 %": between})
    rows += [
        {"measure": title, "value": f"{found[name]:.1%}"}
        for name, title in (("micro_f1", "micro-F1"), ("macro_f1", "macro-F1"))
    ]
    print_table(rows, ["measure", "value", Column("95 %", "95 % interval")])
    columns = [Column("class", "Class"), Column("f1", "F1", ".1%"), Column("support", "Texts")]
    print_table(found["per_class"], columns)


def _marks(sets: Sequence[Sequence[str]], classes: Sequence[str]) -> NDArray[np.bool_]:
    place_of = {name: place for place, name in enumerate(classes)}
    marks = np.zeros((len(sets), len(classes)), dtype=np.bool_)
    for row, names in enumerate(sets):
        for name in names:
            marks[row, place_of[name]] = True
    return marks
