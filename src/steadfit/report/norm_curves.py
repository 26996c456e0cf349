"""Figures and tables of states far beyond the training horizon."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from steadfit.core.atomic import atomic_file
from steadfit.core.errors import DataError
from steadfit.report.figures import (
    COLOURS,
    GREY,
    LINES,
    add_legend,
    far_apart,
    new_figure,
    running_mean,
    save_figure,
)

if TYPE_CHECKING:  # imports torch, which no figure needs
    from steadfit.penalties import NormCurves

COLUMNS = ("norm", "change", "saturation", "zeros", "score", "gradient")

_HEIGHTS = {
    "norm": r"mean $\|h_t\|_2$",
    "change": r"mean $|\|h_t\| - \|h_{t-1}\||$",
    "saturation": "saturated units (share)",
    "zeros": "zero units (share)",
    "gradient": r"mean $\|\partial$loss$/\partial h_t\|_2$",
}


def draw_norm_curves(
    curves: Mapping[str, NormCurves],
    path: str | Path,
    horizon: int | None = 50,
    *,
    quantities: Sequence[str] | None = None,
    log_time: bool = True,
    score_label: str = "score",
    title: str = "States beyond the training horizon",
) -> Path:
    """Write `figure_of_norm_curves` as PNG, whole or not at all.

    Raises:
        DataError: as `figure_of_norm_curves`, or a path that does not end in `.png`.
    """
    figure = figure_of_norm_curves(
        curves,
        horizon,
        quantities=quantities,
        log_time=log_time,
        score_label=score_label,
        title=title,
    )
    return save_figure(figure, path)


def figure_of_norm_curves(
    curves: Mapping[str, NormCurves],
    horizon: int | None = 50,
    *,
    quantities: Sequence[str] | None = None,
    log_time: bool = True,
    score_label: str = "score",
    title: str = "States beyond the training horizon",
) -> Figure:
    """Draw curves against the step, a panel a quantity, a line a label.

    The pale line is the curve itself, the strong one its running mean: over a tenth of the steps so
    far where time is logarithmic, else over a fiftieth of the length. A curve ends where it is no
    longer finite; the legend says where the first panel's do. Heights but those of shares are
    logarithmic where they differ more than twenty times, between curves or between the horizon and
    the peak.

    Args:
        curves: by label, from `curves_beyond`; they may differ in length.
        horizon: marked in each panel: how many steps training reached back. None: no mark.
        quantities: of norm, change, saturation, zeros, score, gradient: the panels, in this order.
            None: the first three, zeros where there are any, score and gradient where there are
            curves of them.
        log_time: a logarithmic axis of time, which shows step 50 beside step 10,000.
        score_label: of the panel of scores, for example "bits per character".
        title: of the figure.

    Raises:
        DataError: no curve, an empty one or one whose parts differ in length; an unknown quantity,
            or one that no curve has; a horizon below one.
    """
    series = _series(curves)
    if horizon is not None and horizon < 1:
        raise DataError(f"horizon={horizon}: it counts steps, so 1 or more; None for no mark.")
    shown = _shown(series) if quantities is None else _known(quantities, series)
    heights = [_HEIGHTS.get(quantity, score_label) for quantity in shown]
    figure, panels = new_figure(title, heights)
    for axes, quantity in zip(panels, shown, strict=True):
        lines = [
            _Line(i, label, *_finite(parts[quantity], quantity))
            for i, (label, parts) in enumerate(series.items())
            if quantity in parts
        ]
        _draw(axes, lines, horizon, _mean_by_decade if log_time else running_mean)
        if quantity not in ("saturation", "zeros") and _tall(lines, horizon):
            axes.set_yscale("log")
        elif quantity != "score":
            axes.set_ylim(bottom=0)
    last = panels[-1]
    last.set_xlabel("step t")
    if log_time:
        last.set_xscale("log")
    else:
        last.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        last.margins(x=0.01)
    add_legend(panels[0])
    return figure


def write_norm_curves(curves: Mapping[str, NormCurves], path: str | Path) -> Path:
    """Write curves as CSV, a line a step, whole or not at all.

    Columns: label, step (from 1), norm, change, saturation, zeros, score, gradient. Numbers have
    nine digits, all that float32 has; `inf` and `nan` stand for themselves. What does not exist is
    empty: the change at step 1, a score that was not measured, gradients beyond their reach.

    Raises:
        DataError: no curve, an empty one or one whose parts differ in length.
    """
    series = _series(curves)
    path = Path(path)
    with atomic_file(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label", "step", *COLUMNS])
        for label, parts in series.items():
            writer.writerows(_rows(label, parts))
    return path


class _Line(NamedTuple):
    """One curve as far as it is finite."""

    number: int
    label: str
    first: int  # the step of the first value
    values: list[float]
    broken: int | None  # the first step that is not finite

    @property
    def name(self) -> str:
        if self.broken is None:
            return self.label
        return f"{self.label} (not finite from step {self.broken:,})"


def _series(curves: Mapping[str, NormCurves]) -> dict[str, dict[str, list[float]]]:
    """Return the curves as numbers, by label and quantity."""
    if not curves:
        raise DataError("No norm curves were given: pass at least one, {label: curves}.")
    found = {}
    for label, curve in curves.items():
        parts = {
            name: [float(value) for value in values.tolist()]
            for name, values in curve._asdict().items()
            if values is not None
        }
        lengths = {name: len(values) for name, values in parts.items()}
        if len(set(lengths.values())) != 1 or not lengths["norm"]:
            raise DataError(
                f"The curves of {label!r} have {lengths} steps: each needs the same number, one "
                "or more, as curves_beyond returns them."
            )
        found[label] = parts
    return found


def _shown(series: Mapping[str, Mapping[str, list[float]]]) -> list[str]:
    some = {"norm", "change", "saturation"}
    for parts in series.values():
        some |= {"score", "gradient"} & set(parts)
        if any(value > 0 for value in parts["zeros"]):
            some.add("zeros")
    return [quantity for quantity in COLUMNS if quantity in some]


def _known(
    quantities: Sequence[str], series: Mapping[str, Mapping[str, list[float]]]
) -> Sequence[str]:
    there = [q for q in COLUMNS if any(q in parts for parts in series.values())]
    if isinstance(quantities, str) or not quantities or not set(quantities) <= set(there):
        raise DataError(
            f"quantities={quantities!r}: give a list of one or more of {', '.join(there)}, which "
            "these curves have."
        )
    return quantities


def _finite(values: list[float], quantity: str) -> tuple[int, list[float], int | None]:
    """Return the first step, the values from there while they are finite, and where that ends."""
    start = 1 if quantity == "change" else 0  # no step goes before the first
    for place in range(start, len(values)):
        if not math.isfinite(values[place]):
            broken = None if quantity == "gradient" and math.isnan(values[place]) else place + 1
            return start + 1, values[start:place], broken
    return start + 1, values[start:], None


def _draw(
    axes: Axes,
    lines: Sequence[_Line],
    horizon: int | None,
    smooth: Callable[[Sequence[float]], list[float]],
) -> None:
    for line in lines:
        steps = range(line.first, line.first + len(line.values))
        colour = COLOURS[line.number % len(COLOURS)]
        axes.plot(steps, line.values, color=colour, linewidth=0.6, alpha=0.35)
        axes.plot(
            steps,
            smooth(line.values),
            color=colour,
            linestyle=LINES[line.number % len(LINES)],
            linewidth=2.0,
            label=line.name,
        )
    if horizon is not None:
        label = f"training: {horizon} steps"
        axes.axvline(horizon, color=GREY, linewidth=1.2, linestyle=":", label=label)


def _mean_by_decade(curve: Sequence[float]) -> list[float]:
    # A span in proportion to the step is equally wide everywhere on a logarithmic axis; a fixed one
    # would hide the first steps.
    sums = [0.0, *accumulate(curve)]
    means = []
    for i in range(len(curve)):
        half = min((i + 1) // 20, len(curve) - 1 - i)
        begin, end = i - half, i + half + 1
        means.append((sums[end] - sums[begin]) / (end - begin))
    return means


def _tall(lines: Sequence[_Line], horizon: int | None) -> bool:
    heights = []
    for line in lines:
        if line.values:
            at = min((horizon or 1) - 1, len(line.values) - 1)
            heights += [line.values[at], max(line.values)]
    return bool(heights) and far_apart(heights)


def _rows(label: str, parts: Mapping[str, list[float]]) -> Iterator[list[str]]:
    for place in range(len(parts["norm"])):
        row = [label, str(place + 1)]
        for name in COLUMNS:
            absent = name not in parts or (name == "change" and place == 0)
            absent = absent or (name == "gradient" and math.isnan(parts[name][place]))
            row.append("" if absent else f"{parts[name][place]:.9g}")
        yield row
