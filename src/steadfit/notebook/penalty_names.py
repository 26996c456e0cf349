"""The notebook's two callback classes, as names for settings."""

from __future__ import annotations

from dataclasses import dataclass

from steadfit.training.penalty_terms import Penalties


@dataclass(frozen=True)
class RNNTrainer:
    """AR with `alpha` and TAR with `beta`; pass it among a learner's or a fit's callbacks."""

    alpha: float = 0.0
    beta: float = 0.0

    @property
    def penalties(self) -> Penalties:
        """The coefficients it stands for."""
        return Penalties(self.alpha, self.beta, 0.0)


@dataclass(frozen=True)
class RNNTrainerNorm:
    """AR, TAR and the norm stabilizer, with the notebook's coefficients."""

    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 50.0

    @property
    def penalties(self) -> Penalties:
        """The coefficients it stands for."""
        return Penalties(self.alpha, self.beta, self.beta_norm)


PenaltyNames = RNNTrainer | RNNTrainerNorm
