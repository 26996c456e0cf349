"""What makes a classifier of few labels better: one lever at a time, three draws of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments._report import Found, Options, mean_and_spread
from experiments._runs import Run, run_all

LABELS = 100
DRAWS = 3
PSEUDO = "pseudo-labels"
LEVERS: dict[str, dict[str, Any]] = {
    PSEUDO: {"pseudo_labels": 1_000},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "averaged weights": {"averaged": True},
}
_KINDS = ("network", "classifier")


def run(options: Options) -> Found:
    """Train with every lever on the same draws."""
    draws = options.seeds if options.seeds is not None else 2 if options.quick else DRAWS
    runs = [_training(lever, number, options.quick) for lever in LEVERS for number in range(draws)]
    done = run_all(runs, options.jobs, options.fresh)
    by_lever = {
        lever: done[place * draws : (place + 1) * draws] for place, lever in enumerate(LEVERS)
    }
    plain = by_lever[PSEUDO]  # the round before is the recipe without any lever
    figures = {"as it is": _figures(plain, plain, "first_")}
    for lever, found in by_lever.items():
        figures[lever] = _figures(found, plain)
    return Found(figures, done, _table(figures), conditions={"labels": LABELS})


def _training(lever: str, number: int, quick: bool) -> Run:
    settings = {"labels": LABELS, "number": number, "quick": quick, **LEVERS[lever]}
    return Run("experiments._few_labels:learn", settings)


def _figures(
    found: Sequence[dict[str, Any]], plain: Sequence[dict[str, Any]], prefix: str = ""
) -> dict[str, Any]:
    """Return accuracies, and gains over the plain recipe after the same draws."""
    figures: dict[str, Any] = {}
    for kind in _KINDS:
        if prefix + kind not in found[0]:
            continue
        values = [one[prefix + kind] for one in found]
        gains = [value - one[f"first_{kind}"] for value, one in zip(values, plain, strict=True)]
        figures[kind] = {**mean_and_spread(values), "gain": mean_and_spread(gains)}
    return figures


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [
        f"| {LABELS} labels | network alone | gain | with NBSVM | gain |",
        "|---|---|---|---|---|",
    ]
    for name, one in figures.items():
        cells = [cell for kind in _KINDS for cell in _cells(one.get(kind), name == "as it is")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cells(one: dict[str, Any] | None, plain: bool) -> list[str]:
    if one is None:
        return ["", ""]
    gain = one["gain"]
    return [
        f"{one['mean']:.1%} ± {one['sd']:.1%}",
        "" if plain else f"{100 * gain['mean']:+.1f} ± {100 * gain['sd']:.1f} points",
    ]
