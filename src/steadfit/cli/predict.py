"""`steadfit predict`: a table labelled row by row, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from steadfit.cli.labelled_texts import separator_of, text_columns_of
from steadfit.cli.layout import Layout
from steadfit.cli.model_folder import fingerprint, read_classifier
from steadfit.core.console import note
from steadfit.core.errors import DataError
from steadfit.inference.predictor import SORTED_TOGETHER
from steadfit.inference.scored import score_file

BATCH = 48  # documents read together
TOGETHER = BATCH * SORTED_TOGETHER  # as many as are put in order of their length before that


@dataclass(frozen=True)
class Scoring:
    """What `score_file` is told beside model, source, its layout and columns."""

    abstain_below: float | None = None
    overwrite: bool = False
    overwrite_columns: bool = False
    prefix: str = ""
    missing_as_empty: bool = False
    out_format: str | None = None


def run_predict(
    folder: Path,
    table: str,
    out: str,
    text: tuple[str, ...],
    engine: str,
    scoring: Scoring,
    layout: Layout,
    separator: str | None = None,
) -> None:
    """Write labels and probabilities beside each row; see `score_file`.

    Args:
        folder: the model's.
        table: the source.
        out: a file, or "-".
        text: columns; those of the training if there are none.
        engine: numbers to read in.
        scoring: the other choices.
        layout: of the source.
        separator: between the labels of a text that may have several; that of the training if it
            is not given.

    Raises:
        SteadfitError: as `load_ensemble` and `score_file`; a class holds the separator.
    """
    model = read_classifier(folder, engine)
    between = separator_of(folder, model.many, separator)
    if between is not None:
        _refuse_within(between, model.classes, folder)
    decision = model.decision
    if scoring.abstain_below is not None:
        decision = replace(decision, abstain_below=scoring.abstain_below)
    done = score_file(
        lambda texts: model.probabilities(texts, BATCH),
        model.classes,
        table,
        out,
        text or text_columns_of(folder, table, layout.format),
        decide=lambda table: [_written(label, between) for label in decision.labels(table)],
        model=" ".join([fingerprint(folder), engine, *([between] if between else [])]),
        batch=TOGETHER,
        **asdict(scoring),
        **layout.arguments(),
    )
    before = f", {done.from_before:,} of them by an earlier run" if done.from_before else ""
    undecided = f"; {done.abstained:,} have no label" if done.abstained else ""
    note(f"{out}: {done.rows:,} rows{before}{undecided}")


def _written(label: str | tuple[str, ...] | None, separator: str | None) -> str | None:
    """Return a label as a cell; those of a text that may have several with what separates them."""
    return (separator or "").join(label) if isinstance(label, tuple) else label


def _refuse_within(separator: str, classes: Sequence[str], folder: Path) -> None:
    if not separator:
        raise DataError("--label-separator is empty; a string such as '|' is accepted")
    if found := [name for name in classes if separator in name]:
        raise DataError(
            f"{separator!r} stands between the labels of a text, and within the class "
            f"{found[0]!r} of {folder}, so nobody could take them apart; name another by "
            "--label-separator"
        )
