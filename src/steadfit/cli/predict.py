"""`steadfit predict`: a table labelled row by row, whatever its size."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from steadfit.cli.labelled_texts import text_columns_of
from steadfit.cli.model_folder import fingerprint, read_classifier
from steadfit.core.console import note
from steadfit.inference.predictor import SORTED_TOGETHER
from steadfit.inference.scored import score_file

BATCH = 48  # documents read together
SEPARATOR = "|"
TOGETHER = BATCH * SORTED_TOGETHER  # as many as are put in order of their length before that


@dataclass(frozen=True)
class Scoring:
    """What `score_file` is told beside model, source and columns."""

    abstain_below: float | None = None
    overwrite: bool = False
    overwrite_columns: bool = False
    prefix: str = ""
    missing_as_empty: bool = False
    encoding: str = "utf-8"
    format: str | None = None
    out_format: str | None = None


def run_predict(
    folder: Path, table: str, out: str, text: tuple[str, ...], engine: str, scoring: Scoring
) -> None:
    """Write labels and probabilities beside each row; see `score_file`.

    Raises:
        SteadfitError: as `load_ensemble` and `score_file`.
    """
    model = read_classifier(folder, engine)
    decision = model.decision
    if scoring.abstain_below is not None:
        decision = replace(decision, abstain_below=scoring.abstain_below)
    done = score_file(
        lambda texts: model.probabilities(texts, BATCH),
        model.classes,
        table,
        out,
        text or text_columns_of(folder, table),
        decide=lambda table: [_written(label) for label in decision.labels(table)],
        model=f"{fingerprint(folder)} {engine}",
        batch=TOGETHER,
        **asdict(scoring),
    )
    before = f", {done.from_before:,} of them by an earlier run" if done.from_before else ""
    undecided = f"; {done.abstained:,} have no label" if done.abstained else ""
    note(f"{out}: {done.rows:,} rows{before}{undecided}")


def _written(label: str | tuple[str, ...] | None) -> str | None:
    """Return a label as a cell; those of a text that may have several with a bar between."""
    return SEPARATOR.join(label) if isinstance(label, tuple) else label
