"""The notebook's two callback classes, as names for settings."""

from __future__ import annotations

from dataclasses import dataclass

from steadfit.training.penalty_terms import Penalties


@dataclass(frozen=True)
class RNNTrainer:
    """AR with `alpha` and TAR with `beta`; pass it among a learner's or a fit's callbacks.

    fastai's first argument, the learner, is left out.

    Raises:
        DataError: a coefficient is not a number from zero.
    """

    alpha: float = 0.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        _ = self.penalties

    @property
    def penalties(self) -> Penalties:
        """The coefficients it stands for."""
        return Penalties(self.alpha, self.beta, 0.0)


@dataclass(frozen=True)
class RNNTrainerNorm:
    """AR, TAR and the norm stabilizer, with the notebook's coefficients; see `RNNTrainer`."""

    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 50.0

    def __post_init__(self) -> None:
        _ = self.penalties

    @property
    def penalties(self) -> Penalties:
        """The coefficients it stands for."""
        return Penalties(self.alpha, self.beta, self.beta_norm)


PenaltyNames = RNNTrainer | RNNTrainerNorm
