"""What makes a classifier of few labels better: one lever at a time, on the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments._report import Found, Options, mean_and_spread
from experiments._runs import Run, run_all

LABELS = 100
DRAWS = 2
PLAIN, PSEUDO = "as it is", "pseudo-labels"
LEVERS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "averaged weights": {"averaged": True},
    PSEUDO: {"pseudo_labels": 1_000},
}
OF_ONE_DRAW = {PSEUDO}  # it takes six times as long as the others


def run(options: Options) -> Found:
    """Train with every lever."""
    draws = options.seeds if options.seeds is not None else DRAWS
    runs = {
        lever: [
            _training(lever, number, options.quick)
            for number in range(1 if lever in OF_ONE_DRAW else draws)
        ]
        for lever in LEVERS
    }
    every = [one for of_lever in runs.values() for one in of_lever]
    done = iter(run_all(every, options.jobs, options.fresh))
    found = {lever: [next(done) for _ in of_lever] for lever, of_lever in runs.items()}
    figures: dict[str, Any] = {lever: _figures(ran, found[PLAIN]) for lever, ran in found.items()}
    pseudo = found[PSEUDO]
    figures["with NBSVM: " + PLAIN] = mean_and_spread([one["first_classifier"] for one in pseudo])
    figures["with NBSVM: " + PSEUDO] = mean_and_spread([one["classifier"] for one in pseudo])
    ran = [one for of_lever in found.values() for one in of_lever]
    return Found(figures, ran, _table(figures), conditions={"labels": LABELS})


def _training(lever: str, number: int, quick: bool) -> Run:
    settings = {"labels": LABELS, "number": number, "quick": quick, **LEVERS[lever]}
    return Run("experiments._few_labels:learn", settings)


def _figures(found: Sequence[dict[str, Any]], plain: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the network's accuracy, and its gain over the plain one after the same draws."""
    pairs = zip(found, plain, strict=False)
    gains = [one["network"] - other["network"] for one, other in pairs]
    shares = mean_and_spread([one["network"] for one in found])
    return {**shares, "gain": mean_and_spread(gains)}


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [f"| {LABELS} labels | labelled right | gain | draws |", "|---|---|---|---|"]
    for name, one in figures.items():
        spread = one["n"] > 1
        right = f"{one['mean']:.1%}" + f" ± {one['sd']:.1%}" * spread
        gain = ""
        if "gain" in one and name != PLAIN:
            gain = f"{100 * one['gain']['mean']:+.2f}"
            gain += f" ± {100 * one['gain']['sd']:.2f}" * spread
        lines.append(f"| {name} | {right} | {gain} | {one['n']} |")
    return lines
