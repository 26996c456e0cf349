"""`steadfit evaluate`: what a classifier is worth on labelled texts, and beside another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steadfit.cli.labelled_texts import Source
from steadfit.cli.measures import comparison_line, evaluation_of_sets, plain, print_measured
from steadfit.cli.model_folder import read_classifier
from steadfit.core.console import note, say
from steadfit.core.errors import DataError
from steadfit.core.progress import progress
from steadfit.inference.ensemble import Ensemble
from steadfit.report.comparison import compare_predictions
from steadfit.report.metrics_table import evaluation
from steadfit.text.labelled import Labelled
from steadfit.text.stream_lines import is_read_once
from steadfit.text.values import refuse_other_labels

BATCH = 48
TOGETHER = 2_400  # texts between two steps of the progress bar


class Judged(NamedTuple):
    """A classifier's labels of some texts, nobody abstaining, and its probabilities.

    A text's labels, where it may have several, are sorted, as `steadfit.text.labelled` gives them.
    """

    labels: list[Any]
    probabilities: NDArray[np.float64]


def run_evaluate(
    folder: Path, source: Source, against: Path | None, engine: str, as_json: bool
) -> dict[str, Any]:
    """Print tables, or one line of JSON.

    Returns:
        What `--json` prints.

    Raises:
        SteadfitError: no such model or table; labels that are no classes of the model; a table that
            can be read once, and two models of other columns.
    """
    model = read_classifier(folder, engine)
    other = None if against is None else read_classifier(against, engine)
    if other is not None and set(other.classes) != set(model.classes):
        raise DataError(
            f"{against} has the classes {', '.join(other.classes)}, and {folder} has "
            f"{', '.join(model.classes)}; models of the same classes can be compared"
        )
    if other is not None and other.many != model.many:
        several, one = (folder, against) if model.many else (against, folder)
        raise DataError(
            f"{one} gives each text one label, and {several} any number of labels, so that one is "
            "never right where the other is; models that both do the one or the other can be "
            "compared"
        )
    asked = source.of_model(folder, model.many)
    given = asked.read()
    refuse_other_labels(given.labels, model.classes)
    if given.dropped:
        note(f"{given.dropped:,} rows without a label are left out")
    texts = given.texts
    if against is not None and not source.text:
        texts = _own_texts(against, asked, given)
    judged = judge(model, given.texts)
    found = measured(model, given.labels, judged)
    if other is not None:
        assert against is not None
        second = judge(other, texts)
        comparison = compare_predictions(judged.labels, second.labels, list(given.labels))
        found["against"] = {"model": str(against), **plain(comparison)}
    if as_json:
        say(json.dumps(found, ensure_ascii=False))
        return found
    print_measured(found)
    if other is not None:
        say(comparison_line(comparison, str(folder), str(against)))
    return found


def _own_texts(against: Path, asked: Source, given: Labelled) -> Sequence[str]:
    """Return the texts of the same rows, as the other model learned to read them."""
    own = asked.of_other(against)
    if own.text == asked.text:
        return given.texts
    if is_read_once(own.path):
        raise DataError(
            f"{own.path} is a pipe or a device and can be read once, but {against} learned from "
            f"the columns {', '.join(own.text)}, and the first model from {', '.join(asked.text)}; "
            "save it as a file first"
        )
    note(f"{against} reads the columns of its own training: {', '.join(own.text)}")
    again = own.read()
    if list(again.labels) != list(given.labels):
        raise DataError(f"{own.path} was changed while it was read; try again")
    return again.texts


def judge(model: Ensemble, texts: Sequence[str]) -> Judged:
    """Return the labels a classifier gives when it may not abstain."""
    parts = range(0, len(texts), TOGETHER)
    tables = [
        model.probabilities([texts[row] for row in range(part, min(part + TOGETHER, len(texts)))])
        for part in progress(parts, "reading texts")
    ]
    table = np.concatenate(tables)
    labels: list[Any] = list(replace(model.decision, abstain_below=0.0).labels(table))
    if model.many:
        labels = [tuple(sorted(names)) for names in labels]
    return Judged(labels, table)


def measured(model: Ensemble, labels: Sequence[Any], judged: Judged) -> dict[str, Any]:
    """Return the figures, as JSON values."""
    if model.many:
        return evaluation_of_sets(labels, judged.labels, judged.probabilities, model.classes)
    found = evaluation(labels, judged.labels, judged.probabilities, model.classes)
    if model.decision.abstain_below:
        sure = judged.probabilities.max(axis=1) >= model.decision.abstain_below
        right = np.array([a == b for a, b in zip(judged.labels, labels, strict=True)])
        found["decided"] = {
            "abstain_below": model.decision.abstain_below,
            "texts": int(sure.sum()),
            "accuracy": float(right[sure].mean()) if sure.any() else None,
        }
    return found
