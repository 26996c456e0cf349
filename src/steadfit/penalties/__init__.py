"""Penalties on the states of a recurrent network; usable alone, they need torch only."""

from __future__ import annotations

from steadfit.penalties.coefficients import warm_up
from steadfit.penalties.functional import (
    activation_regularization,
    norm_stabilizer,
    temporal_activation_regularization,
)
from steadfit.penalties.modules import (
    ActivationRegularization,
    NormStabilizer,
    Penalty,
    TemporalActivationRegularization,
)
from steadfit.penalties.sums import Sums, activation_sums, norm_sums, temporal_sums
from steadfit.penalties.watch import Watched, watch

__all__ = [
    "ActivationRegularization",
    "NormStabilizer",
    "Penalty",
    "Sums",
    "TemporalActivationRegularization",
    "Watched",
    "activation_regularization",
    "activation_sums",
    "norm_stabilizer",
    "norm_sums",
    "temporal_activation_regularization",
    "temporal_sums",
    "warm_up",
    "watch",
]
