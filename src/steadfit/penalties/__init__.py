"""Penalties on the states of a recurrent network; usable alone, they need torch only."""

from __future__ import annotations

from steadfit.penalties.beyond import NormCurves, curves_beyond
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
from steadfit.penalties.norms import (
    gradient_norms_by_step,
    norm_changes_by_step,
    norms_by_step,
    saturation_by_step,
    zeros_by_step,
)
from steadfit.penalties.runs import BitsByStep, RecurrentRun, states_by_step
from steadfit.penalties.sums import Sums, activation_sums, norm_sums, temporal_sums
from steadfit.penalties.watch import Watched, watch

__all__ = [
    "ActivationRegularization",
    "BitsByStep",
    "NormCurves",
    "NormStabilizer",
    "Penalty",
    "RecurrentRun",
    "Sums",
    "TemporalActivationRegularization",
    "Watched",
    "activation_regularization",
    "activation_sums",
    "curves_beyond",
    "gradient_norms_by_step",
    "norm_changes_by_step",
    "norm_stabilizer",
    "norm_sums",
    "norms_by_step",
    "saturation_by_step",
    "states_by_step",
    "temporal_activation_regularization",
    "temporal_sums",
    "warm_up",
    "watch",
    "zeros_by_step",
]
