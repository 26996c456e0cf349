"""What predictions are worth, as plain values for a file and as tables to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steadfit.core.checks import shown
from steadfit.core.errors import DataError
from steadfit.inference.metrics import Counts, metric_of
from steadfit.linear.probabilities import class_probabilities
from steadfit.report.comparison import wilson_interval
from steadfit.report.reliability import Estimate, reliability
from steadfit.report.tables import MISSING, Column, Value, print_table

_SHARES = ("precision", "recall", "f1")
_MOST_CONFUSED = 30  # classes whose confusion a page has room for


def evaluation(
    labels: Sequence[str],
    predictions: Sequence[str],
    probabilities: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return how good predictions are, as values that JSON can hold.

    Intervals are of 95 %: Wilson's of the accuracy, a bootstrap's of what is made of probabilities.
    Precision is None for a class that is never predicted, recall and F1 for one that is not there;
    macro-F1 is the mean F1 of the classes that are there or predicted, a missing one counting zero.
    With probabilities there are also log loss, Brier score and expected calibration error (see
    `steadfit.report.reliability`), otherwise None.

    Args:
        labels: (texts,), the true class of each.
        predictions: (texts,), the class each was given.
        probabilities: (texts, classes), where there are any.
        classes: names of the columns; those that occur, sorted, if None.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: no texts, sizes that differ, or a label that is none of the classes.
    """
    if not len(labels) == len(predictions) or not len(labels):
        raise DataError(
            f"{len(labels)} labels and {len(predictions)} predictions were given: pass one of each "
            "for every text, and one text at least."
        )
    if classes is None and probabilities is not None:
        raise DataError("Probabilities were given without classes, the names of their columns.")
    if other := [one for one in (*labels, *predictions) if not isinstance(one, str)]:
        raise DataError(
            f"A label or prediction is {shown(other[0])}; strings are accepted. Leave texts out "
            "that got no class."
        )
    names = list(dict.fromkeys(sorted({*labels, *predictions}) if classes is None else classes))
    truth, given = _codes("label", labels, names), _codes("prediction", predictions, names)
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, (truth, given), 1)
    right = confusion.diagonal().astype(np.float64)
    counts = Counts(
        right, confusion.sum(axis=1).astype(np.float64), confusion.sum(axis=0).astype(np.float64)
    )
    interval = wilson_interval(int(right.sum()), len(labels))
    return {
        "texts": len(labels),
        "classes": names,
        "accuracy": {"value": float(right.sum() / len(labels)), **interval._asdict()},
        "macro_f1": float(metric_of("macro-f1", counts, names)),
        "balanced_accuracy": float(metric_of("balanced-accuracy", counts, names)),
        "per_class": [_of_class(name, *one) for name, *one in zip(names, *counts, strict=True)],
        "confusion": confusion.tolist(),  # a row for each true class
        **_of_probabilities(probabilities, truth, names, resamples, seed),
    }


def markdown_lines(found: dict[str, Any]) -> list[str]:
    """Return an evaluation as the lines of Markdown tables: the whole, each class, the confusion.

    The confusion of more than thirty classes is left out.
    """
    lines = _markdown(
        ["measure", "value", "95 % interval"], [_written(*row) for row in _whole(found)]
    )
    columns = ["class", "precision", "recall", "F1", "texts", "predicted"]
    rows = [
        [
            _escaped(one["class"]),
            *(_share(one[key]) for key in _SHARES),
            *(f"{one[key]:,}" for key in ("support", "predicted")),
        ]
        for one in found["per_class"]
    ]
    lines += ["", *_markdown(columns, rows)]
    names = [_escaped(name) for name in found["classes"]]
    if len(names) <= _MOST_CONFUSED:
        rows = [
            [name, *(f"{count:,}" for count in row)]
            for name, row in zip(names, found["confusion"], strict=True)
        ]
        lines += ["", *_markdown(["true \\ predicted", *names], rows)]
    return lines


def print_evaluation(found: dict[str, Any], file: TextIO | None = None) -> None:
    """Write an evaluation as two tables: coloured on a terminal, plain text anywhere else."""
    whole: list[dict[str, Value]] = []
    for row in _whole(found):
        measure, value, interval = _written(*row)
        whole.append({"measure": measure, "value": value, "95 % interval": interval})
    print_table(whole, ["measure", "value", "95 % interval"], file)
    shares = [Column(key, key.capitalize(), ".1%") for key in _SHARES]
    print_table(
        found["per_class"],
        [
            Column("class", "Class"),
            *shares,
            Column("support", "Texts"),
            Column("predicted", "Given"),
        ],
        file,
    )


def _of_class(name: str, right: float, there: float, given: float) -> dict[str, Value]:
    return {
        "class": name,
        "precision": right / given if given else None,
        "recall": right / there if there else None,
        "f1": 2 * right / (there + given) if there else None,
        "support": int(there),
        "predicted": int(given),
    }


def _of_probabilities(
    probabilities: ArrayLike | None,
    truth: NDArray[np.int64],
    names: list[str],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    keys = ("log_loss", "brier", "ece", "ece_by_chance")
    if probabilities is None:
        return dict.fromkeys(keys)
    table = class_probabilities("probabilities", probabilities)
    if table.shape != (len(truth), len(names)):
        raise DataError(
            f"probabilities has the shape {table.shape}; accepted is {(len(truth), len(names))}, a "
            "row for each text and a column for each class."
        )
    found = reliability(table, truth, resamples=resamples, seed=seed)
    values = (found.log_loss, found.brier, found.ece)
    return {
        **{key: _plain(value) for key, value in zip(keys[:3], values, strict=True)},
        keys[3]: found.ece_by_chance,
    }


def _plain(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, **estimate.interval._asdict()}


def _codes(what: str, values: Sequence[str], names: list[str]) -> NDArray[np.int64]:
    code_of = {name: code for code, name in enumerate(names)}
    for row, value in enumerate(values):
        if value not in code_of:
            raise DataError(
                f"{what} {row} is {shown(value)}; accepted are the classes {shown(names)}"
            )
    return np.array([code_of[value] for value in values], dtype=np.int64)


def _whole(found: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return name, value (with an interval or alone) and format of each number of the whole."""
    rows = [
        ("texts", found["texts"], ","),
        ("accuracy", found["accuracy"], ".1%"),
        ("macro-F1", found["macro_f1"], ".1%"),
        ("balanced accuracy", found["balanced_accuracy"], ".1%"),
        ("log loss (nats)", found["log_loss"], ".3f"),
        ("Brier score", found["brier"], ".3f"),
        ("calibration error", found["ece"], ".3f"),
        ("calibration error by chance, up to", found["ece_by_chance"], ".3f"),
    ]
    return [row for row in rows if row[1] is not None]


def _written(name: str, value: Any, spec: str) -> list[str]:
    if not isinstance(value, dict):
        return [name, format(value, spec), ""]
    ends = f"{format(value['low'], spec)} to {format(value['high'], spec)}"
    return [name, format(value["value"], spec), ends]


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1%}"


def _markdown(columns: list[str], rows: list[list[str]]) -> list[str]:
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _escaped(name: str) -> str:
    return " ".join(name.replace("\\", "\\\\").replace("|", "\\|").split())
