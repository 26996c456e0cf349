"""Bits per character over a grid of α (AR), β (TAR) and β_norm (the norm stabilizer).

The point is chosen by the validation part of the text; the test part is read to report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments._char_model import Training
from experiments._figures import draw_heat_maps
from experiments._grid import AXES, Grid, read_grid
from experiments._report import Found, Options, mean_and_spread
from experiments._runs import Run, run_all
from experiments.char_lm import QUICK_LIMIT, QUICK_UNITS, QUICK_UPDATES

CONFIG = Path(__file__).with_suffix(".toml")


def run(options: Options) -> Found:
    """Train every point of the grid with every seed."""
    grid = read_grid(options.config or CONFIG)
    if options.text:
        grid = replace(grid, text=str(options.text))
    if options.quick:
        grid = _tiny(grid)
    seeds = options.seeds if options.seeds is not None else 1
    runs = [
        _run(grid, point, seed, QUICK_LIMIT if options.quick else None)
        for point in grid.points()
        for seed in range(seeds)
    ]
    done = run_all(runs, options.jobs, options.fresh)
    points = [
        _point(point, done[first : first + seeds])
        for first, point in zip(range(0, len(done), seeds), grid.points(), strict=True)
    ]
    judged = [one for one in points if one["valid_bpc"] is not None]
    figures = {
        "axes": {axis: list(values) for axis, values in grid.axes()},
        "points": points,
        "best": min(judged, key=lambda one: one["valid_bpc"]) if judged else None,
        "none": next((one for one in points if not any(one[axis] for axis in AXES)), None),
    }
    return Found(
        figures,
        done,
        _table(figures, grid),
        draw=lambda folder: [_draw(figures, grid, folder / "sweep.png")],
        conditions={"grid": asdict(grid), "rate": grid.rate, "seeds": seeds},
    )


def _tiny(grid: Grid) -> Grid:
    """Keep the ends of each axis."""
    ends = {axis: tuple(dict.fromkeys((values[0], values[-1]))) for axis, values in grid.axes()}
    return replace(grid, **ends, units=QUICK_UNITS, updates=QUICK_UPDATES)


def _run(grid: Grid, point: tuple[float, ...], seed: int, limit: int | None) -> Run:
    alpha, beta, norm = point
    how = Training(updates=grid.updates, lr=grid.rate, alpha=alpha, beta=beta, norm=norm)
    settings = {
        "cell": grid.cell,
        "arm": f"α = {alpha:g}, β = {beta:g}, β_norm = {norm:g}",
        "seed": seed,
        "units": grid.units,
        "text": grid.text,
        "limit": limit,
        "how": asdict(how),
    }
    return Run("experiments.char_lm:one", settings)


def _point(point: tuple[float, ...], of_point: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over seeds; a point that diverged with any seed is not judged."""
    whole = [one for one in of_point if one["diverged"] is None]
    figures: dict[str, Any] = {
        **dict(zip(AXES, point, strict=True)),
        "seeds": len(of_point),
        "diverged": len(of_point) - len(whole),
    }
    for name in ("valid_bpc", "test_bpc"):
        spread = mean_and_spread([one[name] for one in of_point]) if whole == of_point else {}
        figures[name], figures[f"{name}_sd"] = spread.get("mean"), spread.get("sd")
    return figures


def _table(figures: dict[str, Any], grid: Grid) -> list[str]:
    """Return a line for each α and β, a column for each β_norm."""
    bits = {tuple(one[axis] for axis in AXES): one["valid_bpc"] for one in figures["points"]}
    best = figures["best"]
    chosen = tuple(best[axis] for axis in AXES) if best else None
    columns = " | ".join(f"β_norm = {norm:g}" for norm in grid.beta_norm)
    lines = [
        f"| validation bits per character | {columns} |",
        "|---|" + "---|" * len(grid.beta_norm),
    ]
    for alpha in grid.alpha:
        for beta in grid.beta:
            row = [(alpha, beta, norm) for norm in grid.beta_norm]
            shown = " | ".join(_cell(bits[point], point == chosen) for point in row)
            lines.append(f"| α = {alpha:g}, β = {beta:g} | {shown} |")
    lines.append("")
    if best:
        lines.append(f"Best on validation, {_told(best)}.")
    if figures["none"]:
        lines.append(f"Without penalties, {_told(figures['none'])}.")
    return lines


def _told(one: dict[str, Any]) -> str:
    where = f"α = {one['alpha']:g}, β = {one['beta']:g}, β_norm = {one['beta_norm']:g}"
    if one["valid_bpc"] is None:
        return f"{where}: diverged"
    spread = f" ± {one['test_bpc_sd']:.3f} ({one['seeds']} seeds)" if one["seeds"] > 1 else ""
    return f"{where}: {one['valid_bpc']:.3f}; test {one['test_bpc']:.3f}{spread}"


def _cell(bits: float | None, is_best: bool) -> str:
    shown = "diverged" if bits is None else f"{bits:.3f}"
    return f"**{shown}**" if is_best else shown


def _draw(figures: dict[str, Any], grid: Grid, path: Path) -> Path:
    bits = {tuple(one[axis] for axis in AXES): one["valid_bpc"] for one in figures["points"]}
    maps = {
        f"β_norm = {norm:g}": [[bits[a, b, norm] for b in grid.beta] for a in grid.alpha]
        for norm in grid.beta_norm
    }
    return draw_heat_maps(
        maps,
        path,
        rows=("α (AR)", grid.alpha),
        columns=("β (TAR)", grid.beta),
        unit="validation bits per character",
        title=f"{grid.cell.upper()}, {grid.units} units, {grid.updates:,} updates",
    )
