"""Figures of experiments."""

from __future__ import annotations

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
