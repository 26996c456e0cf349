"""Penalties on the states of any PyTorch model, read by hooks while a context lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from steadfit.penalties.calls import Calls, Term, over_ranks
from steadfit.penalties.modules import Penalty
from steadfit.penalties.reading import Layout, layout_of, norms_by_step, read
from steadfit.penalties.selection import named, select
from steadfit.penalties.stepwise import check_can_step, stepwise_lstm


@contextmanager
def watch(
    model: nn.Module,
    penalties: Mapping[str, Sequence[Penalty]],
    *,
    batch_first: bool | None = None,
    across_ranks: bool = False,
) -> Iterator[Watched]:
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
    watched = Watched(model, penalties, batch_first, across_ranks)
    with ExitStack() as stack:
        watched.open(stack)
        yield watched


class Watched:
    """What the hooks have read; `watch` makes it."""

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
        self._layouts = _layouts(model, self._modules, batch_first)
        self._calls = {name: Calls(name, of) for name, of in self._penalties.items()}
        self._across_ranks = across_ranks
        self._lengths: Tensor | None = None
        self._open = False
        self._step = 0
        self._terms: dict[str, Tensor] = {}

    def set_lengths(self, lengths: Tensor | None) -> None:
        """Say which steps are real in the forwards that follow, until this is called again.

        Outputs that are packed carry their own lengths and need none.

        Args:
            lengths: whole numbers (batch,) from 1, padding behind; or a bool mask (batch, time),
                padding anywhere. None: all steps are real.

        Raises:
            ValueError: a length is below one, or the tensor is neither of the two.
        """
        kinds = (torch.bool, torch.int64, torch.int32, torch.int16, torch.uint8, torch.int8)
        if lengths is not None:
            dimensions = 2 if lengths.dtype == torch.bool else 1
            if lengths.dtype not in kinds or lengths.dim() != dimensions:
                raise ValueError(
                    f"lengths are {lengths.dtype} of shape {tuple(lengths.shape)}; give whole "
                    "numbers (batch,), a bool mask (batch, time), or None"
                )
            if dimensions == 1 and (lengths < 1).any():
                raise ValueError(
                    f"the shortest length is {int(lengths.min())}; every row has one real step or "
                    "more: leave empty rows out"
                )
        self._lengths = lengths

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
                "the watch is over: its hooks are gone. Call penalty() inside the `with` block"
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

    def open(self, stack: ExitStack) -> None:
        """Put the hooks on; leaving `stack` takes them off."""
        stack.callback(self._close)
        self._open = True
        for name, module in self._modules.items():
            if any(penalty.on == "cell" for penalty in self._penalties[name]):
                _step_through(name, module, self._observer(name, "cell"), stack)
            hook = self._observer(name, "hidden")
            stack.callback(module.register_forward_hook(_as_hook(hook)).remove)

    def _close(self) -> None:
        self._open = False
        self.forget()

    def _observer(self, name: str, on: str) -> Callable[[nn.Module, Any], None]:
        target, layout = self._modules[name], self._layouts[name]

        @torch.compiler.disable  # a compiled forward stops here, so the hook sees real tensors
        def observe(module: nn.Module, output: Any) -> None:
            if module is not target or not self._open:
                return  # a copy of the model has these hooks, too
            calls = self._calls[name]
            states = read(name, module, output, layout, self._lengths)
            sums = calls.sums_of(on, states) if module.training else {}
            # What runs within a backward pass repeats a call under checkpointing. It must do the
            # same work, or the saved tensors would not match, but it does not count.
            if torch._C._current_graph_task_id() == -1:
                calls.add(sums, states.values)
                if on == "hidden":
                    calls.add_norms(norms_by_step(states))

        return observe


def _as_hook(observe: Callable[[nn.Module, Any], None]) -> Callable[[nn.Module, Any, Any], None]:
    return lambda module, inputs, output: observe(module, output)


def _step_through(
    name: str, module: nn.Module, observe: Callable[[nn.Module, Any], None], stack: ExitStack
) -> None:
    """Let an LSTM run step by step until `stack` is left, and show its cell states."""
    check_can_step(name, module)

    def forward(self: nn.LSTM, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        outputs, state, cells = stepwise_lstm(self, input, hx)
        observe(self, cells)
        return outputs, state

    # A bound method: a deep copy of the module then runs the copy's weights.
    module.__dict__["forward"] = MethodType(forward, module)
    stack.callback(module.__dict__.pop, "forward")


def _checked(pattern: str, wanted: Sequence[Penalty]) -> Sequence[Penalty]:
    if isinstance(wanted, Penalty):
        wanted = [wanted]
    if not wanted or not all(isinstance(one, Penalty) for one in wanted):
        raise ValueError(
            f"{pattern!r} has {wanted!r}; give a list of penalties, for example "
            "[NormStabilizer(50.0)]"
        )
    return wanted


def _layouts(
    model: nn.Module, modules: Mapping[str, nn.Module], batch_first: bool | None
) -> dict[str, Layout]:
    """Return how the outputs of each module lie.

    Raises:
        ValueError: that cannot be told.
    """
    if batch_first is None:
        said = {bool(one.batch_first) for one in named(model).values() if _says(one)}
        batch_first = said.pop() if len(said) == 1 else None
    found = {}
    for name, module in modules.items():
        layout = layout_of(module, batch_first)
        if layout is None:
            raise ValueError(
                f"whether {name!r} ({type(module).__name__}) returns (batch, time, units) or "
                "(time, batch, units) cannot be told from the model; give watch batch_first=True "
                "or batch_first=False"
            )
        found[name] = layout
    return found


def _says(module: nn.Module) -> bool:
    return isinstance(getattr(module, "batch_first", None), bool)
