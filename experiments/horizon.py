"""Does an IRNN's norm grow without bound beyond its training horizon, and is it held by β?

Networks are trained on windows of 50 characters, each from a state of zeros, and run to 10,000
steps. First a setting is searched in which an unpenalised IRNN's norm grows (Krueger & Memisevic,
2016, give the claim; their settings were not to be had); then every β is trained in that setting.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from experiments._beyond import EARLY, LATE, curves, norm_ratio, paired_bits, thinned
from experiments._char_model import Training, bits_per_character, train
from experiments._characters import BROWN, read_characters
from experiments._figures import draw_curves
from experiments._report import Found, Options
from experiments._runs import Run, run_all

BETAS = (0.0, 5.0, 50.0, 500.0)
SEEDS = {"irnn": 6, "lstm": 3}  # whether an IRNN's norm grows depends on the seed
BAND = (0.8, 1.25)  # of ‖h_1000‖ / ‖h_50‖: what the claim calls steady
_BASE = Training(updates=3_000, carry=False)
_SGD = replace(_BASE, optimizer="sgd", lr=2e-3, momentum=0.99)
SEARCH: dict[str, tuple[int, Training]] = {
    "Adam 1e-3, clip 1": (256, replace(_BASE, lr=1e-3)),
    "Adam 1e-3, no clip": (256, replace(_BASE, lr=1e-3, clip=None)),
    "Adam 3e-3, clip 1": (256, replace(_BASE, lr=3e-3)),
    "Adam 3e-3, no clip": (256, replace(_BASE, lr=3e-3, clip=None)),
    "Adam 1e-3, clip 1, 512 units": (512, replace(_BASE, lr=1e-3)),
    "Adam 1e-3, clip 1, three times as long": (256, replace(_BASE, lr=1e-3, updates=9_000)),
    "SGD 2e-3, momentum 0.99, clip 1": (256, _SGD),
    "SGD 2e-3, momentum 0.99, no clip": (256, replace(_SGD, clip=None)),
    "SGD 1e-2, momentum 0.99, clip 1": (256, replace(_SGD, lr=1e-2)),
    "SGD 1e-2, momentum 0.99, clip 1, three times as long": (
        256,
        replace(_SGD, lr=1e-2, updates=9_000),
    ),
}
LSTM = replace(_BASE, lr=4e-3)
ROWS, STEPS, PAIRED_ROWS = 64, 10_000, 512
QUICK = {"units": 32, "updates": 60, "limit": 60_000, "rows": 16, "steps": 1100, "paired": 32}


def run(options: Options) -> Found:
    """Search the setting, then train IRNN and LSTM with every β in it."""
    seeds = {cell: options.seeds or (1 if options.quick else SEEDS[cell]) for cell in SEEDS}
    search = dict(list(SEARCH.items())[:2]) if options.quick else SEARCH
    searched = run_all(
        [_run(options, "irnn", 0.0, 0, *search[name]) for name in search],
        options.jobs,
        options.fresh,
    )
    ratios = dict(zip(search, (one["norm_ratio"] for one in searched), strict=True))
    grown = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    chosen = max(grown, key=grown.__getitem__) if grown else next(iter(search))
    places = [(c, beta, seed) for c in SEEDS for beta in BETAS for seed in range(seeds[c])]
    settings = {"irnn": search[chosen], "lstm": (search[chosen][0], LSTM)}
    runs = [_run(options, cell, beta, seed, *settings[cell]) for cell, beta, seed in places]
    done = run_all(runs, options.jobs, options.fresh)
    figures: dict[str, Any] = {"search": ratios, "chosen": chosen}
    for cell in SEEDS:
        figures[cell] = {
            f"{beta:g}": _figures([r for r in done if (r["cell"], r["beta"]) == (cell, beta)])
            for beta in BETAS
        }
    return Found(
        figures,
        [*(one for one in searched if one not in done), *done],
        _table(figures),
        draw=lambda folder: _draw(done, folder),
        conditions={"rows": ROWS, "paired_rows": PAIRED_ROWS, "steps": STEPS},
    )


def one(
    cell: str,
    beta: float,
    seed: int,
    units: int,
    text: str,
    limit: int | None,
    rows: int,
    steps: int,
    paired: int,
    how: dict[str, Any],
) -> dict[str, Any]:
    """Train one network, and run it to `steps`."""
    characters = read_characters(text, limit)
    trained = train(cell, units, seed, characters, Training(**{**how, "norm": beta}))
    if trained.figures["diverged"]:
        return {**trained.figures, "norm_ratio": None}
    held_out = torch.cat([characters.valid, characters.test])
    found = curves(trained.model, held_out, rows, steps)
    bits = paired_bits(trained.model, held_out, paired)
    return {
        **trained.figures,
        "valid_bpc": round(bits_per_character(trained.model, characters.valid), 4),
        "norm_ratio": norm_ratio(found),
        "norm_ratio_end": norm_ratio(found, EARLY, steps - 25),
        "bpc_50": bits.early,
        "bpc_1000": bits.late,
        "bpc_standard_error": bits.standard_error,
        "curve": thinned(found),
    }


def _run(options: Options, cell: str, beta: float, seed: int, units: int, how: Training) -> Run:
    sizes: dict[str, Any] = {"rows": ROWS, "steps": STEPS, "paired": PAIRED_ROWS, "limit": None}
    if options.quick:
        units = QUICK["units"]
        how = replace(how, updates=QUICK["updates"])
        sizes = {name: QUICK[name] for name in sizes}
    text = str(options.text or BROWN.relative_to(BROWN.parents[2]))
    settings = {"cell": cell, "beta": beta, "seed": seed, "units": units, "text": text, **sizes}
    return Run("experiments.horizon:one", {**settings, "how": asdict(how)})


def _figures(of_beta: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over the seeds, the norm of the seed that strays furthest, and how many do."""
    whole = [r for r in of_beta if r["diverged"] is None]
    ratios = [r["norm_ratio"] for r in whole if r["norm_ratio"] is not None]
    figures: dict[str, Any] = {
        "seeds": len(of_beta),
        "diverged": len(of_beta) - len(whole),
        "outside": sum(not BAND[0] <= ratio <= BAND[1] for ratio in ratios),
        "norm_ratio_worst": max(ratios, key=_strays) if ratios else None,
    }
    names = ("norm_ratio", "norm_ratio_end", "bpc_50", "bpc_1000", "bpc_standard_error")
    for name in (*names, "valid_bpc"):
        values = [r[name] for r in whole if r[name] is not None]
        figures[name] = statistics.median(values) if values else None
    drifts = [r["bpc_1000"] - r["bpc_50"] for r in whole]
    figures["bpc_difference_worst"] = round(max(drifts, key=abs), 4) if drifts else None
    return figures


def _strays(ratio: float) -> float:
    """Return how far a ratio is from one, either way."""
    return abs(math.log(max(ratio, 1e-30)))


def _table(figures: dict[str, Any]) -> list[str]:
    lines = [f"| IRNN without penalty, searched | ‖h_{LATE}‖ / ‖h_{EARLY}‖ |", "|---|---|"]
    lines += [f"| {name} | {_shown(ratio)} |" for name, ratio in figures["search"].items()]
    lines += ["", f"Chosen: {figures['chosen']}.", ""]
    lines += [
        f"| cell, β | ‖h_{LATE}‖ / ‖h_{EARLY}‖: median | worst seed | seeds outside "
        f"{BAND[0]} to {BAND[1]} | bits at {EARLY}: median | change to {LATE}, worst seed | "
        "diverged |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in SEEDS:
        for beta, found in figures[cell].items():
            ratios = f"{_shown(found['norm_ratio'])} | {_shown(found['norm_ratio_worst'])}"
            bits = f"{_shown(found['bpc_50'])} | {_shown(found['bpc_difference_worst'])}"
            lines.append(
                f"| {cell}, {beta} | {ratios} | {found['outside']} of {found['seeds']} | {bits} | "
                f"{found['diverged']} |"
            )
    return lines


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 1000 else f"{value:.2e}"


def _draw(done: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Draw for each cell and β the seed whose norm strays furthest."""
    drawn = []
    for cell in SEEDS:
        lines = {}
        for beta in BETAS:
            known = [
                r
                for r in done
                if (r["cell"], r["beta"]) == (cell, beta) and r["norm_ratio"] is not None
            ]
            if known:
                worst = max(known, key=lambda r: _strays(r["norm_ratio"]))
                lines[f"β = {beta:g}"] = worst["curve"]
        title = f"{cell.upper()} trained on windows of {EARLY} characters: the worst seed of each β"
        path = folder / f"horizon-{cell}.png"
        drawn.append(draw_curves(lines, path, horizon=EARLY, title=title))
    return drawn
