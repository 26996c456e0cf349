"""Bits per character of one-layer networks, without penalty and with each of them.

Krueger & Memisevic (2016) report 1.48 for a norm-stabilized IRNN and 1.39 for an LSTM on the
characters of Penn Treebank, with 1,000 units. Here are 256 units on the Brown corpus: what is
compared is a cell with itself, not with the paper's figures.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments._char_model import Training, bits_per_character, train
from experiments._characters import BROWN, read_characters
from experiments._figures import draw_points
from experiments._report import Found, Options, mean_and_spread
from experiments._runs import Run, run_all

CELLS = ("lstm", "irnn", "tanh")
UNITS, UPDATES, SEEDS = 256, 6_000, 3
QUICK_UNITS, QUICK_UPDATES, QUICK_LIMIT = 32, 60, 60_000
# Adam's rate for each cell: the best on validation of a few short trainings without penalty. A
# penalty on the norm can want a smaller one, so its arms choose: of these and a third of them the
# better on validation, at the first seed.
RATES = {"lstm": 4e-3, "irnn": 1e-3, "tanh": 2e-3}
ARMS: dict[str, dict[str, Any]] = {
    "none": {},
    "β = 50": {"norm": 50.0},
    "AR + TAR": {"alpha": 2.0, "beta": 1.0},
    "β = 5, warm-up": {"norm": 5.0, "warm": 1000},
    "β = 500": {"norm": 500.0},
}
OF_ONE_SEED = ("β = 5, warm-up", "β = 500")


def run(options: Options) -> Found:
    """Train every cell with every arm and seed, and compare the arms of each cell."""
    seeds = options.seeds if options.seeds is not None else 1 if options.quick else SEEDS
    tried = {
        (cell, arm): [_run(options, cell, arm, 0, rate) for rate in _rates(cell, arm)]
        for cell in CELLS
        for arm in ARMS
    }
    first = run_all([r for runs in tried.values() for r in runs], options.jobs, options.fresh)
    chosen = {place: min(runs, key=_valid_bits) for place, runs in tried.items()}
    rest = [
        _run(options, cell, arm, seed, run.settings["how"]["lr"])
        for (cell, arm), run in chosen.items()
        for seed in range(1, 1 if arm in OF_ONE_SEED else seeds)
    ]
    done = [
        *run_all(list(chosen.values()), options.jobs),
        *run_all(rest, options.jobs, options.fresh),
    ]
    figures: dict[str, Any] = {cell: {} for cell in CELLS}
    for cell in CELLS:
        for arm in ARMS:
            of_arm = [r for r in done if (r["cell"], r["arm"]) == (cell, arm)]
            bits = [r["test_bpc"] for r in of_arm if r["diverged"] is None]
            figures[cell][arm] = {
                **(mean_and_spread(bits) if bits else {}),
                "diverged": len(of_arm) - len(bits),
                "bits": bits,
                "rate": of_arm[0]["how"]["lr"],
            }
    return Found(
        figures,
        [*done, *(one for one in first if one not in done)],
        _table(figures),
        draw=lambda folder: _draw(figures, folder),
        conditions={"rates": RATES},
    )


def one(
    cell: str, arm: str, seed: int, units: int, text: str, limit: int | None, how: dict[str, Any]
) -> dict[str, Any]:
    """Train one model, and judge it with the state carried through."""
    characters = read_characters(text, limit)
    began = time.perf_counter()
    trained = train(cell, units, seed, characters, Training(**how))
    if trained.figures["diverged"]:
        return trained.figures
    read = how["updates"] * how["rows"] * how["time"]
    return {
        **trained.figures,
        "characters_per_second": round(read / (time.perf_counter() - began)),
        "valid_bpc": round(bits_per_character(trained.model, characters.valid), 4),
        "test_bpc": round(bits_per_character(trained.model, characters.test), 4),
    }


def _rates(cell: str, arm: str) -> list[float]:
    rate = RATES[cell]
    return [rate, rate / 3] if "norm" in ARMS[arm] else [rate]


def _run(options: Options, cell: str, arm: str, seed: int, rate: float) -> Run:
    updates = QUICK_UPDATES if options.quick else UPDATES
    how = replace(Training(updates=updates, lr=rate), **ARMS[arm])
    settings = {
        "cell": cell,
        "arm": arm,
        "seed": seed,
        "units": QUICK_UNITS if options.quick else UNITS,
        "text": str(options.text or BROWN.relative_to(BROWN.parents[2])),
        "limit": QUICK_LIMIT if options.quick else None,
    }
    return Run("experiments.char_lm:one", {**settings, "how": asdict(how)})


def _valid_bits(run: Run) -> float:
    """Return what a finished run costs on validation; one that diverged costs most."""
    figures = run.figures()
    assert figures is not None
    return math.inf if figures["diverged"] else figures["valid_bpc"]


def _draw(figures: dict[str, Any], folder: Path) -> list[Path]:
    bits = {cell: {arm: one["bits"] for arm, one in arms.items()} for cell, arms in figures.items()}
    title = "Characters: one layer, with and without penalties"
    return [draw_points(bits, folder / "char-lm.png", "test bits per character", title)]


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [f"| test bits per character | {' | '.join(CELLS)} |", "|---|" + "---|" * len(CELLS)]
    for arm in ARMS:
        cells = [_cell(figures[cell][arm]) for cell in CELLS]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _cell(one: dict[str, Any]) -> str:
    if not one["bits"]:
        return "diverged"
    spread = f" ± {one['sd']:.3f}" if one["n"] > 1 else ""
    return f"{one['mean']:.3f}{spread} (rate {one['rate']:.1g})"
