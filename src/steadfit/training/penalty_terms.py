"""The three penalties on the last layer's states, added up over windows and micro-batches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.penalties.sums import activation_sums, norm_sums, temporal_sums


@dataclass(frozen=True)
class Penalties:
    """Coefficients of AR, TAR (Merity et al., 2017) and norm stabilizer (Krueger et al., 2016)."""

    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise DataError(
                    f"{name} is {value!r}; a penalty's coefficient is a number from zero."
                )


class Sizes(NamedTuple):
    """Over how much a batch's loss and penalties are means; they add up over micro-batches."""

    targets: int  # tokens of a language model, documents of a classifier
    steps: int  # real steps of all rows
    rows: int
    weight: float = 0.0  # of a classifier's documents: what their losses are divided by

    def plus(self, other: Sizes) -> Sizes:
        """Return the sizes of two micro-batches together."""
        return Sizes(
            self.targets + other.targets,
            self.steps + other.steps,
            self.rows + other.rows,
            self.weight + other.weight,
        )


class PenaltyTally:
    """Sums over the windows of one batch, per row where the norm stabilizer needs it."""

    def __init__(self, penalties: Penalties, rows: int, units: int, device: torch.device) -> None:
        self.penalties = penalties
        self._units = units
        self._ar = torch.zeros((), device=device)
        self._tar = torch.zeros((), device=device)
        self._norm = torch.zeros(rows, device=device)
        self._pairs = torch.zeros(rows, device=device)

    def add(
        self,
        hidden: Tensor,
        dropped: Tensor,
        lengths: Tensor | None = None,
        previous: Tensor | None = None,
    ) -> None:
        """Count a window of the first `hidden.shape[0]` rows and the pair with `previous`."""
        if self.penalties.alpha:
            self._ar = self._ar + activation_sums(dropped, lengths).total
        if self.penalties.beta:
            self._tar = self._tar + temporal_sums(hidden, lengths, previous).total
        if self.penalties.beta_norm:
            sums = norm_sums(hidden, lengths, previous)
            missing = len(self._norm) - len(sums.total)
            self._norm = self._norm + torch.nn.functional.pad(sums.total, (0, missing))
            self._pairs = self._pairs + torch.nn.functional.pad(sums.count, (0, missing))

    def values(self, sizes: Sizes) -> dict[str, Tensor]:
        """Return each penalty's share, coefficient included, in means over `sizes`."""
        coefficients, terms = self.penalties, {}
        if coefficients.alpha:
            terms["ar"] = coefficients.alpha * self._ar / max(sizes.steps * self._units, 1)
        if coefficients.beta:
            pairs = sizes.steps - sizes.rows  # a row of n steps has n - 1 pairs
            terms["tar"] = coefficients.beta * self._tar / max(pairs * self._units, 1)
        if coefficients.beta_norm:
            per_row = self._norm / self._pairs.clamp(min=1)
            terms["norm"] = coefficients.beta_norm * per_row.sum() / max(sizes.rows, 1)
        return terms
