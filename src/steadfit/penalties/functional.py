"""The three penalties as one number each, for a batch that is seen whole."""

from __future__ import annotations

from torch import Tensor

from steadfit.penalties.coefficients import checked_number
from steadfit.penalties.sums import activation_sums, norm_sums, real_lengths, temporal_sums


def activation_regularization(
    dropped: Tensor, alpha: float, lengths: Tensor | None = None
) -> Tensor:
    """AR: `alpha` times the mean square of the dropped outputs.

    Args:
        dropped: outputs of the last layer *after* dropout, (batch, time, units).
        alpha: weight of the penalty; the paper takes 2.
        lengths: real steps a row, integers (batch,) from 1, with the padding behind them; or a bool
            mask (batch, time) that is true at real steps. None: every step is real. Integers are
            checked, which makes the host wait where they lie on a GPU; a mask is not.

    Returns:
        A scalar in float32, or in float64 for float64 outputs. Zero without a real step.

    Raises:
        ValueError: the coefficient is no finite number from zero, or shapes or lengths do not fit.

    Merity, McCann & Socher (2017), "Revisiting Activation Regularization for Language RNNs".
    """
    return checked_number("alpha", alpha) * activation_sums(dropped, real_lengths(lengths)).mean()


def temporal_activation_regularization(
    h: Tensor, beta: float, lengths: Tensor | None = None
) -> Tensor:
    """TAR: `beta` times the mean square of the change from one real step to the next.

    Args:
        h: hidden outputs of the last layer *before* dropout, (batch, time, units).
        beta: weight of the penalty; the paper takes 1.
        lengths: as for `activation_regularization`.

    Returns:
        A scalar in float32, or in float64 for float64 states. Zero without two real steps in a row.

    Raises:
        ValueError: the coefficient is no finite number from zero, or shapes or lengths do not fit.

    Merity, McCann & Socher (2017), "Revisiting Activation Regularization for Language RNNs".
    """
    return checked_number("beta", beta) * temporal_sums(h, real_lengths(lengths)).mean()


def norm_stabilizer(h: Tensor, beta: float, lengths: Tensor | None = None) -> Tensor:
    """`beta` times the mean over rows of a row's mean squared change of norm between real steps.

    The norm is taken over the units of one row at one step. A row without a pair of real steps
    counts as zero, and counts as a row. The step from the initial state to h_1 is left out, as in
    the authors' code.

    Args:
        h: hidden outputs before dropout, (batch, time, units).
        beta: weight of the penalty; the paper takes 50 to 500.
        lengths: as for `activation_regularization`.

    Returns:
        A scalar in float32, or in float64 for float64 states.

    Raises:
        ValueError: the coefficient is no finite number from zero, or shapes or lengths do not fit.

    Krueger & Memisevic (2016), "Regularizing RNNs by Stabilizing Activations", equation 1.
    """
    return checked_number("beta", beta) * norm_sums(h, real_lengths(lengths)).over_rows().mean()
