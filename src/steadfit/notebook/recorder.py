"""fastai's recorder: the figures of a learner's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steadfit.core.errors import DataError
from steadfit.notebook.show import shown
from steadfit.training.history import History
from steadfit.training.lr_finder import RangeTest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Recorder:
    """What a learner's fits and its last `lr_find` recorded, and their figures.

    As in fastai, `lrs` and `losses` are those of the range test right after it, and of the fits
    after the next fit.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.range_test: RangeTest | None = None
        self._steps_before = 0

    def keep(self, range_test: RangeTest) -> None:
        """Take in the result of `lr_find`."""
        self.range_test = range_test
        self._steps_before = len(self.history.steps)

    @property
    def lrs(self) -> list[float]:
        """Learning rate of each step, of the last layer group."""
        test = self._latest_test()
        return [step.lr for step in self.history.steps] if test is None else test.lrs

    @property
    def losses(self) -> list[float]:
        """Smoothed loss of each step."""
        test = self._latest_test()
        return [step.smoothed for step in self.history.steps] if test is None else test.losses

    @property
    def moms(self) -> list[float]:
        """Momentum of each step of the fits."""
        return [step.momentum for step in self.history.steps]

    @property
    def val_losses(self) -> list[float | None]:
        """Validation loss of each epoch of the fits; None without validation."""
        return [epoch.valid_loss for epoch in self.history.epochs]

    @property
    def metrics(self) -> list[list[float]]:
        """The metrics of each epoch of the fits, in their order."""
        return [list(epoch.metrics.values()) for epoch in self.history.epochs]

    def plot(self, skip_start: int = 10, skip_end: int = 5, suggestion: bool = True) -> Figure:
        """Draw the last `lr_find`: loss against learning rate."""
        from steadfit.report.figures import figure_of_range_test

        if self.range_test is None:
            raise DataError("recorder.plot() draws a range test; call learn.lr_find() first.")
        return shown(figure_of_range_test(self.range_test, skip_start, skip_end, suggestion))

    def plot_losses(self) -> Figure:
        """Draw training and validation loss over all fits."""
        from steadfit.report.figures import figure_of_losses

        return shown(figure_of_losses(self._trained()))

    def plot_lr(self) -> Figure:
        """Draw learning rate and momentum over all fits."""
        from steadfit.report.figures import figure_of_rates

        return shown(figure_of_rates(self._trained()))

    def _latest_test(self) -> RangeTest | None:
        return self.range_test if len(self.history.steps) == self._steps_before else None

    def _trained(self) -> History:
        if not self.history.steps:
            raise DataError("Nothing was trained yet; call learn.fit_one_cycle(...) first.")
        return self.history
