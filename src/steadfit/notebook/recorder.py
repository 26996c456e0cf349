"""fastai's recorder: the figures of a learner's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steadfit.core.errors import DataError
from steadfit.training.history import History
from steadfit.training.lr_finder import RangeTest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Recorder:
    """What a learner's fits and its last `lr_find` recorded, and their figures."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.range_test: RangeTest | None = None

    @property
    def lrs(self) -> list[float]:
        """Learning rate of each step of the last layer group; of the range test, if one ran."""
        if self.range_test is not None:
            return self.range_test.lrs
        return [step.lr for step in self.history.steps]

    @property
    def losses(self) -> list[float]:
        """Smoothed loss of each step; of the range test, if one ran."""
        if self.range_test is not None:
            return self.range_test.losses
        return [step.smoothed for step in self.history.steps]

    def plot(self, skip_start: int = 10, skip_end: int = 5, suggestion: bool = True) -> Figure:
        """Draw the last `lr_find`: loss against learning rate."""
        from steadfit.report.figures import figure_of_range_test

        if self.range_test is None:
            raise DataError("recorder.plot() draws a range test; call learn.lr_find() first.")
        return _shown(figure_of_range_test(self.range_test, skip_start, skip_end, suggestion))

    def plot_losses(self) -> Figure:
        """Draw training and validation loss over all fits."""
        from steadfit.report.figures import figure_of_losses

        return _shown(figure_of_losses(self._trained()))

    def plot_lr(self) -> Figure:
        """Draw learning rate and momentum over all fits."""
        from steadfit.report.figures import figure_of_rates

        return _shown(figure_of_rates(self._trained()))

    def _trained(self) -> History:
        if not self.history.steps:
            raise DataError("Nothing was trained yet; call learn.fit_one_cycle(...) first.")
        return self.history


def _shown(figure: Figure) -> Figure:
    """Display a figure where a notebook is running; a script gets it as a value."""
    import sys

    if "ipykernel" in sys.modules:
        import io

        from IPython.display import Image, display

        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=100)
        display(Image(png.getvalue()))
    return figure
