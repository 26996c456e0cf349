"""Figures of experiments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from steadfit.report.figures import save_figure


def draw_curves(
    curves: Mapping[str, Mapping[str, Sequence[Any]]], path: Path, horizon: int, title: str
) -> Path:
    """Draw norm and bits per character by step, a line each, time and norm on a log scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    norm, bits = figure.subplots(1, 2)
    for label, curve in curves.items():
        for axes, name in ((norm, "norm"), (bits, "bpc")):
            axes.plot(curve["step"], curve[name], label=label, linewidth=1.2)
    for axes, name in ((norm, "mean ‖h_t‖"), (bits, "bits per character")):
        axes.set(xscale="log", xlabel="steps since the state of zeros", ylabel=name)
        axes.axvline(horizon, color="grey", linestyle=":", linewidth=1)
    norm.set_yscale("log")
    norm.legend()
    figure.suptitle(title)
    return save_figure(figure, path)


def draw_points(
    values: Mapping[str, Mapping[str, Sequence[float]]], path: Path, unit: str, title: str
) -> Path:
    """Draw every run as a point: a panel for each group, a column for each arm, a dash its mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(values), 3.6), layout="constrained")
    panels = figure.subplots(1, len(values), squeeze=False)[0]
    for axes, (group, arms) in zip(panels, values.items(), strict=True):
        for place, found in enumerate(arms.values()):
            axes.plot([place] * len(found), found, "o", color="#0072B2", markersize=5)
            if found:
                mean = sum(found) / len(found)
                axes.plot([place - 0.25, place + 0.25], [mean, mean], color="#D55E00")
        axes.set_xticks(range(len(arms)), list(arms), rotation=30, ha="right", fontsize=8)
        axes.set_title(group, fontsize=10)
    panels[0].set_ylabel(unit)
    figure.suptitle(title)
    return save_figure(figure, path)


def draw_heat_maps(
    maps: Mapping[str, Sequence[Sequence[float | None]]],
    path: Path,
    rows: tuple[str, Sequence[float]],
    columns: tuple[str, Sequence[float]],
    unit: str,
    title: str,
) -> Path:
    """Draw maps beside each other in the same colours, a number in each cell, the least framed.

    Args:
        maps: by name, values (rows, columns); None is a training that diverged.
        path: where to write it.
        rows: the name of the rows' coefficient, and its values.
        columns: the same for the columns.
        unit: what the values are; less is better.
        title: above all maps.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    known = [value for one in maps.values() for row in one for value in row if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    width = 1.2 + len(maps) * (0.8 + 0.75 * len(columns[1]))
    # One map of one column is narrower than its title.
    figure = Figure(figsize=(max(width, 4.5), 1.6 + 0.6 * len(rows[1])), layout="constrained")
    panels = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, maps.items(), strict=True):
        values = [[math.nan if v is None else v for v in row] for row in one]
        image = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, aspect="auto")
        axes.set_title(name, fontsize=10)
        axes.set_xticks(range(len(columns[1])), [f"{v:g}" for v in columns[1]])
        axes.set_yticks(range(len(rows[1])), [f"{v:g}" for v in rows[1]])
        axes.set_xlabel(columns[0])
        for y, row in enumerate(one):
            for x, value in enumerate(row):
                is_dark = value is not None and value < (low + high) / 2
                shown = "diverged" if value is None else f"{value:.3f}"
                ink = "white" if is_dark else "black"
                axes.text(x, y, shown, ha="center", va="center", fontsize=8, color=ink)
                if value is not None and value == low:
                    frame = Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, fill=False)
                    frame.set(edgecolor="#D55E00", linewidth=2.5)
                    axes.add_patch(frame)
    panels[0].set_ylabel(rows[0])
    figure.colorbar(image, ax=list(panels), pad=0.02).set_label(unit, fontsize=8)
    figure.suptitle(title)
    return save_figure(figure, path)
