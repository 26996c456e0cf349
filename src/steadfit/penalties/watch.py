"""Penalties on the states of any PyTorch model, read by hooks while a context lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from steadfit.penalties.calls import Calls, over_ranks
from steadfit.penalties.directions import Directions
from steadfit.penalties.hooks import on_forward, within_backward
from steadfit.penalties.modules import (
    ActivationRegularization,
    Penalty,
    TemporalActivationRegularization,
)
from steadfit.penalties.reading import (
    Lengths,
    States,
    checked_lengths,
    read,
    rows_first,
    said_by_recurrent,
)
from steadfit.penalties.selection import select, unwrapped
from steadfit.penalties.stepwise import step_through


def watch(
    model: nn.Module,
    penalties: Mapping[str, Sequence[Penalty]],
    *,
    batch_first: bool | None = None,
    across_ranks: bool = False,
) -> Watched:
    """Read the outputs of modules of `model`, and make penalties of them.

        with watch(model, {"rnn": [NormStabilizer(50.0)]}) as watched:
            for x, y in batches:
                loss = cross_entropy(model(x), y)
                (loss + watched.penalty()).backward()

    Watched are modules with the signature of `nn.RNN`, `nn.GRU` or `nn.LSTM`, and dropouts. Hooks
    go on when the block is entered and off when it is left. A model that `torch.compile` compiles
    must run for the first time inside the block. `on="cell"` puts a stepwise forward in the place
    of an LSTM's own for as long as the block lasts.

    Args:
        model: any module; DistributedDataParallel and compiled ones too.
        penalties: for each pattern (`fnmatch`) of qualified names, what is put on these modules.
        batch_first: whether outputs are (batch, time, units), for modules that do not say so
            themselves. None: dropouts lie as the model's recurrent modules do.
        across_ranks: make the mean of all ranks' gradients that of the whole batch, by adding up
            counts over the default process group: every rank must call `penalty` equally often.

    Raises:
        ValueError: a pattern matches nothing, a module cannot be watched as asked, or how its
            outputs lie cannot be told.
    """
    return Watched(model, penalties, batch_first, across_ranks)


class Watched:
    """What the hooks have read; `watch` makes it, to be entered once."""

    def __init__(
        self,
        model: nn.Module,
        penalties: Mapping[str, Sequence[Penalty]],
        batch_first: bool | None,
        across_ranks: bool,
    ) -> None:
        if not penalties:
            raise ValueError("watch has nothing to do: penalties is empty")
        self._modules: dict[str, nn.Module] = {}
        self._penalties: dict[str, list[Penalty]] = {}
        for pattern, wanted in penalties.items():
            for name, module in select(model, pattern).items():
                self._modules[name] = module
                self._penalties.setdefault(name, []).extend(_checked(pattern, wanted))
        self._rows_first = _rows_first(model, self._modules, batch_first)
        self._directions = {
            name: Directions(name, unwrapped(module), not _alike(self._penalties[name]))
            for name, module in self._modules.items()
        }
        self._calls = {name: Calls(name, of) for name, of in self._penalties.items()}
        self._across_ranks = across_ranks
        self._lengths: Lengths | None = None
        self._open = self._used = False
        self._hooks = ExitStack()
        self._step = 0
        self._terms: dict[str, Tensor] = {}

    def set_lengths(self, lengths: Tensor | None) -> None:
        """Say which steps are real in the forwards that follow, until this is called again.

        Outputs that are packed carry their own lengths and need none. Modules with another axis of
        time, such as a decoder beside its encoder, need a watch of their own.

        Args:
            lengths: whole numbers (batch,) from 1, padding behind; or a bool mask (batch, time),
                padding anywhere. None: all steps are real.

        Raises:
            ValueError: a length is below one, or the tensor is neither of the two.
        """
        self._lengths = None if lengths is None else checked_lengths(lengths)

    def penalty(self, step: int | None = None) -> Tensor:
        """Return the sum of all penalties over the calls since the last time, a scalar.

        Calls are joined by sums and counts: two micro-batches give what their rows together give.
        Calls in evaluation mode cost nothing.

        Args:
            step: what schedules are asked for; None counts the times this was called.

        Raises:
            RuntimeError: the context is left, a watched module was not called, or its output has
                no gradient in training.
            ValueError: a schedule returned a negative coefficient or NaN.
        """
        if not self._open:
            raise RuntimeError(
                "the watch is not open, so it has no hooks. Call penalty() inside the `with` block"
            )
        at = self._step if step is None else step
        terms = [term for calls in self._calls.values() for term in calls.terms(at)]
        if self._across_ranks:
            terms = over_ranks(terms)
        self.forget()
        self._step += 1
        self._terms = {term.name: term.reported for term in terms}
        total = terms[0].value
        for term in terms[1:]:
            total = total + term.value.to(total.device)
        return total

    def terms(self) -> dict[str, Tensor]:
        """Return each penalty of the last `penalty()` by name, `MODULE/PENALTY`, detached."""
        return dict(self._terms)

    def norms(self) -> dict[str, Tensor]:
        """Return the mean ‖h_t‖ at each step (time,) over the calls since the last time.

        A step is counted within its call. Of a module in two directions the second one is
        `NAME_reverse`, counted from the end of each row, where it starts. NaN where no row is so
        long. Calls in evaluation mode are in it, too.
        """
        found: dict[str, Tensor] = {}
        for calls in self._calls.values():
            found.update(calls.take_norms())
        return found

    def forget(self) -> None:
        """Drop the calls since the last `penalty()`, as after a batch that is not trained on."""
        for calls in self._calls.values():
            calls.clear()

    def __enter__(self) -> Watched:
        """Put the hooks on.

        Raises:
            ValueError: an LSTM cannot step as `on="cell"` asks.
            RuntimeError: the watch was entered before.
        """
        if self._used:
            raise RuntimeError("a watch is entered once; call watch again for another one")
        self._used = True
        with ExitStack() as stack:  # takes off what was put on if one of them cannot be watched
            for name, module in self._modules.items():
                if any(penalty.on == "cell" for penalty in self._penalties[name]):
                    step_through(name, module, self._cells(name, module), stack)
                self._directions[name].listen(stack)  # before the module itself is heard
                on_forward(module, partial(self._see, name), stack)
            self._hooks = stack.pop_all()
        self._open = True
        return self

    def __exit__(self, *error: object) -> None:
        """Take the hooks off, and let go of the model."""
        self._open = False
        self._hooks.close()
        self.forget()
        self._modules = {}

    def _see(self, name: str, module: nn.Module, output: Any, carried: bool) -> None:
        if not self._open:  # compiled code and copies of the model keep their hooks
            return
        penalties = self._penalties[name]
        states = self._directions[name].split(self._states(name, module, output))
        self._calls[name].add("hidden", states, module.training, carried)
        self._calls[name].add_norms(states)
        if not module.training and any(one.on == "cell" for one in penalties):
            self._calls[name].add("cell", states, training=False)  # an LSTM steps in training only

    def _cells(self, name: str, module: nn.Module) -> Callable[[nn.Module, Any], None]:
        target = unwrapped(module)

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def see(called: nn.Module, cells: Any) -> None:
            if self._open and called is target and not within_backward():
                self._calls[name].add("cell", self._states(name, called, cells), called.training)

        return see

    def _states(self, name: str, module: nn.Module, output: Any) -> States:
        any_order = all(isinstance(one, ActivationRegularization) for one in self._penalties[name])
        plain, first = unwrapped(module), self._rows_first[name]
        return read(name, plain, output, first, self._lengths, any_order)


def _alike(penalties: Sequence[Penalty]) -> bool:
    """Tell whether penalties are the same for two directions and for one that is as wide."""
    means = (ActivationRegularization, TemporalActivationRegularization)
    return all(isinstance(one, means) for one in penalties)


def _checked(pattern: str, wanted: Sequence[Penalty]) -> Sequence[Penalty]:
    if isinstance(wanted, Penalty):
        wanted = [wanted]
    if not wanted or not all(isinstance(one, Penalty) for one in wanted):
        raise ValueError(
            f"{pattern!r} has {wanted!r}; give a list of penalties, for example "
            "[NormStabilizer(50.0)]"
        )
    return wanted


def _rows_first(
    model: nn.Module, modules: Mapping[str, nn.Module], batch_first: bool | None
) -> dict[str, bool]:
    """Return whether the outputs of each module are (batch, time, units).

    Raises:
        ValueError: that cannot be told.
    """
    said = said_by_recurrent(model)
    elsewhere = said.pop() if len(said) == 1 else None
    found = {}
    for name, module in modules.items():
        plain = unwrapped(module)
        first = rows_first(plain, batch_first)
        first = rows_first(plain, elsewhere) if first is None else first
        if first is None:
            raise ValueError(
                f"whether {name!r} ({type(module).__name__}) returns (batch, time, units) or "
                "(time, batch, units) cannot be told from the model; give watch batch_first=True "
                "or batch_first=False"
            )
        found[name] = first
    return found
