"""The penalties as modules that know their coefficient: for `watch`, or to be called by hand."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from steadfit.penalties.coefficients import Coefficient, checked, coefficient_at
from steadfit.penalties.sums import (
    Sums,
    activation_sums,
    norm_sums,
    real_lengths,
    temporal_sums,
)

On = Literal["hidden", "cell"]


class Penalty(nn.Module):
    """A penalty and its coefficient; `module(states, lengths)` returns the penalty's value.

    Args:
        coefficient: a number from zero, or a function of the step that returns one.
        on: what `watch` hands to it: the outputs of the module ("hidden"), or the cell states of
            an LSTM ("cell"), which take a slower, stepwise way.

    Raises:
        ValueError: the coefficient is negative, NaN or infinite, or `on` is something else.
    """

    name: ClassVar[str]

    def __init__(self, coefficient: Coefficient, on: On = "hidden") -> None:
        super().__init__()
        self.coefficient = coefficient if callable(coefficient) else checked(coefficient)
        if on not in ("hidden", "cell"):
            raise ValueError(f'on is {on!r}; give "hidden" or "cell"')
        self.on = on

    def forward(self, states: Tensor, lengths: Tensor | None = None, step: int = 0) -> Tensor:
        """Return the value for states (batch, time, units), all of them at once.

        Args:
            states: as for the function of this penalty.
            lengths: as for `activation_regularization`.
            step: what a schedule is asked for.

        Raises:
            ValueError: shapes, lengths or the schedule's coefficient do not fit.
        """
        return self.at(step) * self.sums(states, real_lengths(lengths)).mean()

    def at(self, step: int) -> float:
        """Return the coefficient of a step."""
        return coefficient_at(self.coefficient, step)

    def sums(self, states: Tensor, lengths: Tensor | None = None) -> Sums:
        """Return what the penalty is the mean of; batches add up."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Show what the penalty was made with."""
        return f"{self.coefficient}, on={self.on!r}"


class ActivationRegularization(Penalty):
    """AR on the outputs of a dropout: see `activation_regularization`."""

    name = "ar"

    def sums(self, states: Tensor, lengths: Tensor | None = None) -> Sums:
        """Return squares over real steps and units."""
        return activation_sums(states, lengths)


class TemporalActivationRegularization(Penalty):
    """TAR on un-dropped outputs: see `temporal_activation_regularization`."""

    name = "tar"

    def sums(self, states: Tensor, lengths: Tensor | None = None) -> Sums:
        """Return squared changes over real pairs and units."""
        return temporal_sums(states, lengths)


class NormStabilizer(Penalty):
    """The norm stabilizer on un-dropped outputs: see `norm_stabilizer`."""

    name = "norm"

    def sums(self, states: Tensor, lengths: Tensor | None = None) -> Sums:
        """Return the rows' mean squared changes of norm, over rows."""
        return norm_sums(states, lengths).over_rows()
