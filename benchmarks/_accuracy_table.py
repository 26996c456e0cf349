"""Cells of `accuracy` as rows, draws taken together, and as tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks._accuracy_cells import Cell, labels_of
from benchmarks._accuracy_columns import BASELINE
from benchmarks._statistics import significant
from steadfit.report.comparison import compare_predictions, wilson_interval

Row = dict[str, Any]
_MEANS = ("seconds", "processor_seconds", "shared_seconds", "size_mb", "documents_per_second")


def rows_of(cells: Sequence[Cell], answers: Sequence[str]) -> list[Row]:
    """Return a row for each column and number of labels, in the order in which they come.

    Accuracy is the mean over draws, and its interval the one of 95 % that an accuracy like it has
    on so many texts: draws are judged by the same texts, so three of them do not make it narrower.
    `spread` is the standard deviation over draws; `against_baseline` compares, draw by draw, with
    NBSVM after the same draw.

    Args:
        cells: as `cell_of` returns them.
        answers: the true label of each text.
    """
    baseline = {_key(cell): cell for cell in cells if cell["name"] == BASELINE}
    together: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell["name"], cell["labels"]), []).append(cell)
    return [_row(group, baseline, answers) for group in together.values()]


def page(rows: Sequence[Row], everything: int, titles: Mapping[str, str]) -> str:
    """Return the rows as two tables: accuracies, and what they cost.

    Args:
        rows: as `rows_of` returns them.
        everything: the number of labels when none is left out.
        titles: of the columns by their names, in the order in which they are to come.
    """
    labels = list(dict.fromkeys(row["labels"] for row in rows))
    place = {name: number for number, name in enumerate(titles)}
    rows = sorted(rows, key=lambda row: (labels.index(row["labels"]), place[row["name"]]))
    names = sorted({row["name"] for row in rows}, key=place.__getitem__)
    found = {(row["name"], row["labels"]): row for row in rows}
    heads = [_head(count, everything) for count in labels]
    most = {count: max(row["draws"] for row in rows if row["labels"] == count) for count in labels}
    lines = _table(
        ["", *heads],
        [
            [titles[name], *(_accuracy(found.get((name, count)), most[count]) for count in labels)]
            for name in names
        ],
    )
    lines += [
        "",
        "Percent of the test reviews; of several draws the mean, ± their standard deviation. The "
        "interval of 95 % behind it is that of so many test reviews, and says nothing of draws. A "
        "line stands where nothing was computed.",
        "",
    ]
    lines += _table(
        ["", "labels", f"less {BASELINE} (McNemar's p)", "training", "size", "documents/s"],
        [[titles[row["name"]], _head(row["labels"], everything), *_cost(row)] for row in rows],
    )
    lines += [
        "",
        f"Less {BASELINE}: points of accuracy beyond it, after the same draws; exact p, a draw "
        "each. Training: seconds, and seconds of processors in brackets; what serves all draws "
        "behind a plus.",
    ]
    return "\n".join(lines) + "\n"


def _row(group: Sequence[Cell], baseline: dict[Any, Cell], answers: Sequence[str]) -> Row:
    accuracy = statistics.fmean(cell["accuracy"] for cell in group)
    low, high = wilson_interval(round(accuracy * len(answers)), len(answers))
    row = {
        "name": group[0]["name"],
        "labels": group[0]["labels"],
        "accuracy": round(accuracy, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "draws": len(group),
        "spread": round(statistics.stdev(c["accuracy"] for c in group), 4) if group[1:] else 0.0,
    }
    row |= {name: _mean([cell[name] for cell in group]) for name in _MEANS}
    pairs = [(cell, baseline[_key(cell)]) for cell in group if _key(cell) in baseline]
    if pairs and row["name"] != BASELINE:
        row["against_baseline"] = _against(pairs, answers)
    return row


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what is known, None if nothing is."""
    known = [value for value in values if value is not None]
    return significant(statistics.fmean(known)) if known else None


def _against(pairs: Iterable[tuple[Cell, Cell]], answers: Sequence[str]) -> Row:
    compared = [
        compare_predictions(
            labels_of(ours["predictions"], len(answers)),
            labels_of(theirs["predictions"], len(answers)),
            answers,
        )
        for ours, theirs in pairs
    ]
    return {
        "difference": round(statistics.fmean(one.difference for one in compared), 4),
        "p_values": [significant(one.p_value) for one in compared],
        "only_this": [one.only_first for one in compared],
        "only_baseline": [one.only_second for one in compared],
    }


def _key(cell: Cell) -> tuple[int, str]:
    return cell["labels"], cell["draw_digest"]


def _head(labels: int, everything: int) -> str:
    return f"all {labels:,}" if labels == everything else f"{labels:,}"


def _accuracy(row: Row | None, draws: int) -> str:
    if row is None:
        return "–"
    spread = f" ± {100 * row['spread']:.1f}" if row["draws"] > 1 else ""
    fewer = f", {row['draws']} of {draws} draws" if row["draws"] < draws else ""
    interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    return f"{100 * row['accuracy']:.1f}{spread} ({interval}{fewer})"


def _cost(row: Row) -> list[str]:
    against = row.get("against_baseline")
    less = ""
    if against:
        p_values = ", ".join(f"{p:.2g}" for p in against["p_values"])
        less = f"{100 * against['difference']:+.1f} ({p_values})"
    shared = f" + {row['shared_seconds']:,.0f} s" if row["shared_seconds"] else ""
    of_processors = row["processor_seconds"]
    known = "" if of_processors is None else f" ({of_processors:,.1f})"
    seconds = f"{row['seconds']:,.1f} s{known}{shared}"
    return [less, seconds, f"{row['size_mb']:,.1f} MB", f"{row['documents_per_second']:,.0f}"]


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(line) + " |" for line in lines]
