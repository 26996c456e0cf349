"""A reliability diagram: how often forecasts come true, against how sure they are."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from steadfit.report.comparison import wilson_interval
from steadfit.report.figures import COLOURS, GREY, add_legend, new_figure
from steadfit.report.reliability import Reliability

_LEAST_WIDTH = 0.005  # of the bar of forecasts that are all alike


def figure_of_reliability(found: Reliability, title: str = "Reliability") -> Figure:
    """Draw the accuracy of each bin against its mean confidence, and below how many it holds.

    Bars are Wilson intervals of 95 %. Points under the dashed line are too sure of themselves.
    """
    figure, (axes, counts) = new_figure(title, ["came true", "forecasts"])
    sure = [one.confidence for one in found.bins]
    ends = [
        wilson_interval(round(one.accuracy * one.forecasts), one.forecasts) for one in found.bins
    ]
    error = f"calibration error {found.ece.value:.3f} (by chance up to {found.ece_by_chance:.3f})"
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", label="as sure as right")
    axes.vlines(
        sure, [end.low for end in ends], [end.high for end in ends], color=COLOURS[0], linewidth=1.2
    )
    axes.plot(
        sure,
        [one.accuracy for one in found.bins],
        "o",
        color=COLOURS[0],
        markersize=6,
        label=error,
    )
    axes.set_ylim(-0.02, 1.02)
    widths = [max(one.high - one.low, _LEAST_WIDTH) for one in found.bins]
    counts.bar(
        [
            one.low if one.high - one.low == width else one.confidence - width / 2
            for one, width in zip(found.bins, widths, strict=True)
        ],
        [one.forecasts for one in found.bins],
        widths,
        align="edge",
        color=COLOURS[4],
        edgecolor="white",
        linewidth=0.5,
    )
    counts.yaxis.set_major_locator(MaxNLocator(integer=True))
    counts.set_xlabel("confidence")
    # The likeliest of K classes has 1 / K at least: what is left of all forecasts is empty.
    counts.set_xlim(min(math.floor(10 * found.bins[0].low) / 10, 0.9), 1.0)
    add_legend(axes)
    return figure
