"""How well film reviews are labelled after few or many labels, beside what else can be had.

Each column learns from the same draws of labelled reviews, the rest of `train` without labels, and
is judged by the same 4,992 reviews of other films. Each cell is kept in
`.cache/benchmarks/accuracy`: a run that was stopped goes on, and a kept cell is not computed again.
`--kept` makes the tables of the cells that there are.
Settings were chosen on training reviews alone (`benchmarks._accuracy_draws.for_settings`).
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks._accuracy_cells import Cell, bits, cell_of, kept_cell
from benchmarks._accuracy_columns import COLUMNS as BASELINES
from benchmarks._accuracy_columns import Column
from benchmarks._accuracy_draws import Split, draw, split_by_film
from benchmarks._accuracy_ours import OURS
from benchmarks._accuracy_table import Row, page, rows_of
from benchmarks._accuracy_trained import NotMeasured
from benchmarks._harness import Asked, Options, Report


class Rows(NamedTuple):
    """How many labels, None for all, in how many draws."""

    labels: int | None
    draws: int


COLUMNS = [*BASELINES, *OURS]
FULL = (Rows(None, 1), Rows(1_000, 3), Rows(100, 3))
QUICK = (Rows(1_000, 1),)
HEADLINE = "the same + NBSVM"  # what something is asked of: what users get by default
ASKED = {
    None: ("all_labels", Asked(least=92.0, stretch=93.5)),
    1_000: ("labels_1000", Asked(least=87.0, stretch=89.0)),
    100: ("labels_100", Asked(least=80.0, stretch=84.0)),
}


def run(options: Options) -> Report:
    """Compute the cells that are missing; make rows and tables of all."""
    split = split_by_film()
    plan = QUICK if options.quick else FULL
    cells = list(fill(COLUMNS, split, plan, options))
    rows = rows_of(cells, split.test.labels)
    report = Report(figures={"rows": rows})
    _ask(report, rows, plan, len(split.train))
    report.conditions = {
        "training_reviews": len(split.train),
        "test_reviews": len(split.test),
        "draws": {str(labels or "all"): draws for labels, draws in plan},
        "test_rows": list(split.test.rows),
        "test_labels": bits(split.test.labels),
        "cells": cells,
    }
    titles = {column.name: column.title or column.name for column in COLUMNS}
    report.page = page(rows, len(split.train), titles)
    return report


def fill(
    columns: list[Column], split: Split, plan: tuple[Rows, ...], options: Options
) -> list[Cell]:
    """Return the cells of all columns, row by row; those that are missing are computed.

    On `for_settings(split)` it serves to choose settings; such cells are kept as well.
    """
    cells = []
    chosen = [column for column in columns if column.quick or not options.quick]
    for labels, draws in plan:
        drawn = [draw(split, labels or len(split.train), number) for number in range(draws)]
        for column in chosen:
            if column.labels is not None and labels not in column.labels:
                continue
            for one in drawn:
                if options.kept and kept_cell(column, one) is None:
                    continue
                try:
                    cell = cell_of(column, one, split.test, options)
                except NotMeasured as error:
                    print(f"{column.name} is not measured: {error}", flush=True)
                    break
                print(_line(cell), flush=True)
                cells.append(cell)
    return cells


def _ask(report: Report, rows: list[Row], plan: tuple[Rows, ...], everything: int) -> None:
    found = {row["labels"]: row for row in rows if row["name"] == HEADLINE}
    for labels, _ in plan:
        figure, report.asked[figure] = ASKED[labels]
        if row := found.get(labels or everything):
            report.figures[figure] = round(100 * row["accuracy"], 2)


def _line(cell: Cell) -> str:
    percent = f"{100 * cell['accuracy']:.2f} %"
    return f"{cell['name']}, {cell['labels']:,} labels, draw {cell['draw']}: {percent}"
