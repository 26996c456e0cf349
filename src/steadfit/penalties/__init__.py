"""Penalties on the states of a recurrent network; usable alone, they need torch only."""

from __future__ import annotations

from steadfit.penalties.functional import (
    activation_regularization,
    norm_stabilizer,
    temporal_activation_regularization,
)
from steadfit.penalties.sums import Sums, activation_sums, norm_sums, temporal_sums

__all__ = [
    "Sums",
    "activation_regularization",
    "activation_sums",
    "norm_stabilizer",
    "norm_sums",
    "temporal_activation_regularization",
    "temporal_sums",
]
