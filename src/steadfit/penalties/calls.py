"""The calls of one watched module, as sums and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor

from steadfit.penalties.modules import Penalty
from steadfit.penalties.reading import States
from steadfit.penalties.sums import Sums


class Term(NamedTuple):
    """One penalty on one module."""

    name: str
    coefficient: float
    sums: Sums

    @property
    def value(self) -> Tensor:
        """What is differentiated."""
        return self.coefficient * self.sums.mean()

    @property
    def reported(self) -> Tensor:
        """The value, detached."""
        return self.value.detach()


class Calls:
    """Adds up what one module returned since the penalty was last asked for."""

    def __init__(self, name: str, penalties: Sequence[Penalty]) -> None:
        titles = [title(penalty) for penalty in penalties]
        if len(set(titles)) < len(titles):
            raise ValueError(
                f"{name!r} has the penalties {', '.join(titles)}; put each on a module once, with "
                "the sum of the coefficients"
            )
        self.name = name
        self.penalties = penalties
        self._norms: list[tuple[Tensor, Tensor]] = []
        self.clear()

    def clear(self) -> None:
        """Forget the calls, but not the norms."""
        self._sums: dict[int, Sums] = {}
        self._zero: Tensor | None = None
        self._without_gradient = False

    def sums_of(self, on: str, states: States) -> dict[int, Sums]:
        """Return what each penalty on these states adds up, by the number of the penalty.

        Raises:
            ValueError: the lengths do not fit the states.
        """
        return {
            number: penalty.sums(states.values, states.lengths)
            for number, penalty in enumerate(self.penalties)
            if penalty.on == on
        }

    def add(self, sums: dict[int, Sums], like: Tensor) -> None:
        """Count a call: in evaluation, one without sums. `like` is any of its states."""
        if self._zero is None:
            self._zero = like.new_zeros((), dtype=torch.float32)
        self._without_gradient |= bool(sums) and not like.requires_grad
        for number, one in sums.items():
            seen = self._sums.get(number)
            self._sums[number] = one if seen is None else seen + one

    def add_norms(self, directions: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Count the norms of a call: a direction each, sums and counts (time,)."""
        if not self._norms:
            self._norms = list(directions)
            return
        pairs = zip(self._norms, directions, strict=True)
        self._norms = [(_longer(a, c), _longer(b, d)) for (a, b), (c, d) in pairs]

    def terms(self, step: int) -> list[Term]:
        """Return the penalties of all calls so far.

        Raises:
            RuntimeError: there was none, or one in training had no gradient.
        """
        if self._zero is None:
            raise RuntimeError(_NOT_CALLED.format(name=self.name))
        if self._without_gradient:
            raise RuntimeError(_NO_GRADIENT.format(name=self.name))
        nothing = Sums(self._zero, torch.zeros((), dtype=torch.int64, device=self._zero.device))
        return [
            Term(f"{self.name}/{title(penalty)}", penalty.at(step), self._sums.get(number, nothing))
            for number, penalty in enumerate(self.penalties)
        ]

    def take_norms(self) -> dict[str, Tensor]:
        """Return mean norms by step, and begin anew."""
        names = (self.name, f"{self.name}_reverse")
        found = {n: total / count for n, (total, count) in zip(names, self._norms, strict=False)}
        self._norms = []
        return found


def title(penalty: Penalty) -> str:
    """Return how a penalty is called in `terms`."""
    return penalty.name if penalty.on == "hidden" else f"{penalty.name}_{penalty.on}"


def over_ranks(terms: Sequence[Term]) -> list[Term]:
    """Return terms whose values average over the ranks to those of all ranks' rows together.

    DistributedDataParallel divides the sum of gradients by the number of ranks; a rank's share is
    its own total by the mean count of a rank.
    """
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        raise RuntimeError(
            "across_ranks=True needs a process group: call torch.distributed.init_process_group "
            "first, or leave it out"
        )
    ranks = torch.distributed.get_world_size()
    device = terms[0].sums.total.device
    counts = torch.stack([term.sums.count.double().to(device) for term in terms])
    torch.distributed.all_reduce(counts)
    means = (counts / ranks).unbind()
    return [
        term._replace(sums=Sums(term.sums.total / mean.clamp(min=1 / ranks), _one(term.sums.count)))
        for term, mean in zip(terms, means, strict=True)
    ]


def _one(like: Tensor) -> Tensor:
    return torch.ones_like(like)


def _longer(a: Tensor, b: Tensor) -> Tensor:
    """Add two vectors of different length."""
    length = max(len(a), len(b))
    pad = torch.nn.functional.pad
    return pad(a, (0, length - len(a))) + pad(b, (0, length - len(b)))


_NOT_CALLED = (
    "{name!r} was not called since the last penalty(), so there is nothing to penalise. Run the "
    "model's forward first. If it did run: a compiled model must run for the first time inside the "
    "`with` block (torch.compiler.reset() makes it compile again), and a module whose weights are "
    "used without calling it cannot be watched."
)

_NO_GRADIENT = (
    "{name!r} was called in training, but its output has no gradient, so no penalty could reach "
    "it. Checkpointing: give use_reentrant=False. Under torch.no_grad(), or with all its weights "
    "frozen: call eval() on it, or watch it only once it trains."
)
