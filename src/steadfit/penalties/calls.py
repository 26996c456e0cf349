"""The calls of one watched module, as sums and counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed
from torch import Tensor

from steadfit.penalties.modules import ActivationRegularization, On, Penalty
from steadfit.penalties.reading import States, norm_totals
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
        self._units: dict[On, int] = {}
        self._norms: list[tuple[Tensor, Tensor]] = []
        self.clear()

    def clear(self) -> None:
        """Forget the calls, but not the norms."""
        self._sums: dict[int, Sums] = {}
        self._zeros: dict[On, Tensor] = {}  # of the kinds of states that were seen
        self._without_gradient = False
        self._carried = False  # whether a call was handed a state to go on from
        self._counted = self._longest = 0  # calls in training, and steps of the longest

    def add(self, on: On, states: States, training: bool, carried: bool = False) -> None:
        """Count a call; one in evaluation adds nothing.

        Args:
            on: which states these are.
            states: of the call.
            training: whether the module is in training.
            carried: whether it was handed a state beside its inputs.

        Raises:
            ValueError: the lengths do not fit the states, or a call before had other units.
        """
        if on not in self._zeros:
            self._zeros[on] = states.values.new_zeros((), dtype=torch.float32)
        units = states.values.shape[2]
        if self._units.setdefault(on, units) != units:
            raise ValueError(_OTHER_UNITS.format(name=self.name, units=(self._units[on], units)))
        if not training:
            return
        self._carried |= carried
        self._counted += 1
        self._longest = max(self._longest, states.values.shape[1] if states.have_steps else 0)
        for number, penalty in enumerate(self.penalties):
            if penalty.on != on:
                continue
            self._without_gradient |= not states.values.requires_grad
            with _saved_at_once(self.name):
                sums = penalty.sums(states.values, states.real)
            seen = self._sums.get(number)
            self._sums[number] = sums if seen is None else seen + sums

    def add_norms(self, states: States) -> None:
        """Count the norms of a call."""
        directions = norm_totals(states)
        if not self._norms:
            self._norms = directions
            return
        pairs = zip(self._norms, directions, strict=False)
        self._norms = [(_longer(a, c), _longer(b, d)) for (a, b), (c, d) in pairs]

    def terms(self, step: int) -> list[Term]:
        """Return the penalties of all calls so far.

        Raises:
            RuntimeError: there was none, one in training had no gradient, or a recurrent module
                was called step by step.
        """
        if any(penalty.on not in self._zeros for penalty in self.penalties):
            raise RuntimeError(_NOT_CALLED.format(name=self.name))
        if self._without_gradient:
            raise RuntimeError(_NO_GRADIENT.format(name=self.name))
        one_by_one = self._carried and self._counted > 1 and self._longest == 1
        if one_by_one and not all(isinstance(p, ActivationRegularization) for p in self.penalties):
            raise RuntimeError(_STEP_BY_STEP.format(name=self.name, calls=self._counted))
        return [
            Term(
                f"{self.name}/{title(penalty)}",
                penalty.at(step),
                self._sums.get(number, _nothing(self._zeros[penalty.on])),
            )
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

    Raises:
        RuntimeError: there is no process group.
    """
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        raise RuntimeError(
            "across_ranks=True needs a process group: call torch.distributed.init_process_group "
            "first, or leave it out"
        )
    ranks = torch.distributed.get_world_size()
    device = terms[0].sums.total.device
    counts = torch.stack([term.sums.count.to(device) for term in terms])
    torch.distributed.all_reduce(counts)
    return [
        term._replace(
            sums=Sums(
                term.sums.total * ranks / count.clamp(min=1).to(term.sums.total.device),
                torch.ones_like(term.sums.count),
            )
        )
        for term, count in zip(terms, counts.unbind(), strict=True)
    ]


@contextmanager
def _saved_at_once(name: str) -> Iterator[None]:
    """Keep what the backward pass of a penalty needs, whatever hooks there are around it.

    Under checkpointing the penalty is so no part of what is computed again, when other lengths may
    be set. Autograd does not see changes in place behind such hooks, so they look for them.
    """

    def pack(tensor: Tensor) -> tuple[Tensor, int]:
        return tensor.detach(), tensor._version

    def unpack(kept: tuple[Tensor, int]) -> Tensor:
        tensor, version = kept
        if tensor._version != version:
            raise RuntimeError(
                f"the outputs of {name!r} were changed in place after the module returned them, "
                "so the penalty on them cannot be differentiated. Change a copy of them "
                "(inplace=False)."
            )
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield


def _nothing(zero: Tensor) -> Sums:
    return Sums(zero, torch.zeros((), dtype=torch.int64, device=zero.device))


def _longer(a: Tensor, b: Tensor) -> Tensor:
    """Add two vectors of different length."""
    length = max(len(a), len(b))
    pad = torch.nn.functional.pad
    return pad(a, (0, length - len(a))) + pad(b, (0, length - len(b)))


_NOT_CALLED = (
    "{name!r} was not called since the last penalty(), so there is nothing to penalise. Run the "
    "model's forward first. If it did run: a compiled model must run for the first time inside the "
    "`with` block (torch.compiler.reset() makes it compile again), and a module whose weights are "
    "used without calling it, or whose forward was replaced, cannot be watched."
)

_NO_GRADIENT = (
    "{name!r} was called in training, but its output has no gradient, so no penalty could reach "
    "it. Checkpointing: give use_reentrant=False. Under torch.no_grad(), or with all its weights "
    "frozen: call eval() on it, or watch it only once it trains. If the call was meant: forget() "
    "drops it."
)

_STEP_BY_STEP = (
    "{name!r} was called {calls} times with a single step each and a state to go on from, so there "
    "is no pair of steps to penalise. Stack its outputs to (batch, time, units) and call the "
    "penalty itself, or watch a module that returns them all."
)

_OTHER_UNITS = (
    "{name!r} returned {units[0]} units in one call and {units[1]} in another, so it is used at "
    "two places of the model, whose states are no parts of one sequence. Give each place a module "
    "of its own."
)
