"""Figures of training: losses, rates, the range test, norm curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from steadfit.core.atomic import atomic_file
from steadfit.core.errors import DataError

if TYPE_CHECKING:  # both import torch, which no figure needs
    from steadfit.training.history import History, StepRecord
    from steadfit.training.lr_finder import RangeTest

# Okabe & Ito (2008): told apart by colour-blind readers. Their yellow is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":")
GREY = "#5f6368"
_LOG_FROM = 20.0  # curves whose heights differ by more than this cannot share a linear axis


def figure_of_range_test(
    test: RangeTest, skip_start: int = 10, skip_end: int = 5, suggestion: bool = True
) -> Figure:
    """Draw the smoothed loss of a learning rate range test against the rate.

    Args:
        test: from `find_lr`.
        skip_start: steps at the start that are not drawn: the mean is not yet steady there.
        skip_end: steps at the end that are not drawn: there the loss runs away.
        suggestion: mark the suggested rate.

    A test too short to skip anything is drawn whole.

    Raises:
        DataError: a negative number of steps to skip, or a test without steps.
    """
    if skip_start < 0 or skip_end < 0:
        raise DataError(f"skip_start={skip_start}, skip_end={skip_end}: both must be 0 or more.")
    if not test.lrs:
        raise DataError("The range test holds no steps: run lr_find first.")
    kept = slice(skip_start, len(test.lrs) - skip_end)
    if len(test.lrs) < skip_start + skip_end + 2:
        kept = slice(None)
    lrs, losses = test.lrs[kept], test.losses[kept]
    figure, (axes,) = new_figure("Learning rate range test", ["smoothed loss (nats)"])
    axes.plot(lrs, losses, color=COLOURS[0], linewidth=1.8)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    rate = test.suggestion if suggestion else None
    if rate is not None:
        name = f"suggestion: {rate:.1e}"
        axes.axvline(rate, color=COLOURS[1], linewidth=1.2, linestyle="--", label=name)
        if lrs[0] <= rate <= lrs[-1]:
            place = min(range(len(lrs)), key=lambda i: abs(math.log(lrs[i]) - math.log(rate)))
            axes.plot(lrs[place], losses[place], "o", color=COLOURS[1], markersize=7)
        add_legend(axes)
    return figure


def figure_of_losses(history: History, title: str = "Loss") -> Figure:
    """Draw the smoothed training loss by step and the validation loss at the ends of epochs.

    Dotted lines stand where another fit began. Penalties are not part of
    either loss.

    Raises:
        DataError: a history without steps.
    """
    steps = [record.step for record in _steps(history)]
    figure, (axes,) = new_figure(title, ["loss (nats)"])
    smoothed = [record.smoothed for record in history.steps]
    axes.plot(steps, smoothed, color=COLOURS[0], linewidth=1.5, label="training (smoothed)")
    judged = [(e.step, e.valid_loss) for e in history.epochs if e.valid_loss is not None]
    if judged:
        axes.plot(
            [step for step, _ in judged],
            [loss for _, loss in judged],
            color=COLOURS[1],
            linewidth=1.5,
            marker="o",
            markersize=6,
            label="validation",
        )
    _mark_fits(axes, history)
    _count_steps(axes)
    add_legend(axes)
    return figure


def figure_of_rates(history: History, title: str = "Learning rate and momentum") -> Figure:
    """Draw the learning rate of the last layer group and the momentum by step.

    Raises:
        DataError: a history without steps.
    """
    steps = [record.step for record in _steps(history)]
    figure, (rates, momenta) = new_figure(title, ["learning rate", "momentum"])
    rates.plot(steps, [r.lr for r in history.steps], color=COLOURS[0], linewidth=1.8)
    momenta.plot(steps, [r.momentum for r in history.steps], color=COLOURS[1], linewidth=1.8)
    rates.set_ylim(bottom=0)
    for axes in (rates, momenta):
        _mark_fits(axes, history)
    _count_steps(momenta)
    return figure


def figure_of_norms(
    curves: Mapping[str, Sequence[float]],
    horizon: int | None = None,
    title: str = "Norm of the hidden state in long documents",
) -> Figure:
    """Draw mean norms ‖h_t‖ against t, a line a model (Krueger & Memisevic, 2016).

    The pale line is the curve itself, the strong one its running mean over a fiftieth of its
    length: few documents are long, so its end is noisy. The height is logarithmic where the peaks
    of the curves lie more than twenty times apart.

    Args:
        curves: by name, the mean norm after each step; from `norm_curve`.
        horizon: mark how many steps training reached back.
        title: of the figure.

    Raises:
        DataError: no curve, an empty one, or one that is not finite.
    """
    if not curves:
        raise DataError("No norm curve was given: pass at least one, {name: curve}.")
    for name, curve in curves.items():
        if len(curve) == 0 or not all(map(math.isfinite, curve)):
            raise DataError(
                f"The norm curve {name!r} is empty or holds a value that is not finite: nothing "
                "can be drawn. Look at the model's weights and at its documents."
            )
    figure, (axes,) = new_figure(title, [r"mean $\|h_t\|_2$ over documents"])
    for i, (name, curve) in enumerate(curves.items()):
        steps, colour = range(1, len(curve) + 1), COLOURS[i % len(COLOURS)]
        axes.plot(steps, curve, color=colour, linewidth=0.6, alpha=0.35)
        axes.plot(
            steps,
            running_mean(curve),
            color=colour,
            linestyle=LINES[i % len(LINES)],
            linewidth=2.0,
            label=name,
        )
    if far_apart([max(curve) for curve in curves.values()]):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if horizon is not None:
        label = f"training: {horizon} steps"
        axes.axvline(horizon, color=GREY, linewidth=1.2, linestyle=":", label=label)
    axes.set_xlabel("step t (tokens)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.01)
    add_legend(axes)
    return figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write the figure as PNG, whole or not at all; the same figure gives the same bytes.

    Raises:
        DataError: a path that does not end in `.png`.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise DataError(f"{path}: figures are written as PNG; name a file that ends in .png.")
    with atomic_file(path) as file:
        # `Software` would name the version of the library, and change the bytes with it.
        figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
    return path


def new_figure(title: str, heights: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Return a figure with one panel a label, one above the other, sharing the horizontal axis."""
    figure = Figure(figsize=(7.2, 2.6 + 1.5 * len(heights)), layout="constrained")
    figure.set_facecolor("white")
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False)[:, 0]
    for axes, label in zip(panels, heights, strict=True):
        axes.set_ylabel(label, fontsize=11)
        axes.grid(True, which="major", color="#e3e5e8", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(colors=GREY, labelsize=10)
        axes.xaxis.label.set_size(11)
    panels[0].set_title(title, fontsize=13, loc="left", fontweight="bold", pad=10)
    return figure, list(panels)


def add_legend(axes: Axes) -> None:
    axes.legend(fontsize=10, frameon=True, framealpha=0.9, edgecolor="none")


def _count_steps(axes: Axes) -> None:
    axes.set_xlabel("optimizer step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.01)


def _mark_fits(axes: Axes, history: History) -> None:
    # Epochs are counted within a fit: where the count does not grow, another fit began.
    label: str | None = "new fit"
    for before, after in zip(history.epochs[:-1], history.epochs[1:], strict=True):
        if after.epoch <= before.epoch:
            axes.axvline(
                before.step, color=GREY, linewidth=1.0, linestyle=":", zorder=1, label=label
            )
            label = None


def running_mean(curve: Sequence[float]) -> list[float]:
    # Near the start the span shrinks, so that the steep rise of the first steps stays steep.
    half = len(curve) // 100
    sums = [0.0, *accumulate(curve)]
    means = []
    for i in range(len(curve)):
        begin, end = i - min(half, i), min(i + min(half, i) + 1, len(curve))
        means.append((sums[end] - sums[begin]) / (end - begin))
    return means


def far_apart(heights: Sequence[float]) -> bool:
    return min(heights) > 0 and max(heights) / min(heights) > _LOG_FROM


def _steps(history: History) -> list[StepRecord]:
    if not history.steps:
        raise DataError("The history holds no steps: train first, for example fit_one_cycle(1).")
    return history.steps
