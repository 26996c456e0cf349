"""What makes a classifier of few labels better: one lever at a time, on the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments._few_labels import Arm
from experiments._report import Found, Options, mean_and_spread
from experiments._runs import Run, run_all

LABELS = 100
DRAWS = 3
PASSES = 1  # of the language model over the reviews; the recipe has three, in six times the time
PLAIN = "as it is"
LEVERS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "averaged weights": {"averaged": True},
    "both": {"label_smoothing": 0.1, "averaged": True},
    "entropy minimisation": {"unlabelled": "entropy"},
    "virtual adversarial training": {"unlabelled": "virtual adversarial"},
}
ALONE, MIXED = "network", "classifier"  # figures of a run: the network's, and with NBSVM mixed in


def run(options: Options) -> Found:
    """Train with every lever."""
    draws = options.seeds if options.seeds is not None else DRAWS
    runs = {
        lever: [learning(n, options, **how) for n in range(draws)] for lever, how in LEVERS.items()
    }
    every = [one for of_lever in runs.values() for one in of_lever]
    every.sort(key=lambda one: one.settings["number"])  # whoever stops has whole draws
    done = run_all(every, options.jobs, options.fresh)
    of_file = dict(zip((one.file for one in every), done, strict=True))
    found = {lever: [of_file[one.file] for one in of_lever] for lever, of_lever in runs.items()}
    figures = {lever: gains(ran, found[PLAIN]) for lever, ran in found.items()}
    ran = [one for of_lever in found.values() for one in of_lever]
    return Found(figures, ran, table(figures), conditions={"labels": LABELS, "passes": PASSES})


def learning(number: int, options: Options, **how: Any) -> Run:
    """Return the training of a draw."""
    settings = {"labels": LABELS, "number": number, "passes": PASSES, "quick": options.quick, **how}
    return Run("experiments._few_labels:learn", settings, Arm(**settings).folder)


def gains(found: Sequence[dict[str, Any]], plain: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return accuracies, and their gains over the plain ones after the same draws."""
    figures: dict[str, Any] = {}
    for kind in (ALONE, MIXED):
        pairs = zip(found, plain, strict=False)
        gains = [one[kind] - other[kind] for one, other in pairs]
        shares = mean_and_spread([one[kind] for one in found])
        figures[kind] = {**shares, "gain": mean_and_spread(gains)}
    return figures


def table(figures: dict[str, Any]) -> list[str]:
    """Return rows of means and gains; the first is what the others are compared with."""
    first = next(iter(figures))
    lines = [
        f"| {LABELS} labels | network alone | gain | with NBSVM | gain | draws |",
        "|---|---|---|---|---|---|",
    ]
    for name, kinds in figures.items():
        cells = [cell for one in kinds.values() for cell in _cells(one, name != first)]
        lines.append(f"| {name} | {' | '.join(cells)} | {kinds[ALONE]['n']} |")
    return lines


def _cells(one: dict[str, Any], gained: bool) -> list[str]:
    gain = one["gain"]
    spread = one["n"] > 1
    return [
        f"{one['mean']:.1%}" + f" ± {one['sd']:.1%}" * spread,
        (f"{100 * gain['mean']:+.2f}" + f" ± {100 * gain['sd']:.2f}" * spread) if gained else "",
    ]
