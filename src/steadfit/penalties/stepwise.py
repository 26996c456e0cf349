"""An `nn.LSTM` step by step, which shows what the fused one hides: every cell state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadfit.penalties.selection import unwrapped

Hidden = tuple[Tensor, Tensor]
Observer = Callable[[nn.Module, Tensor], None]


def step_through(name: str, module: nn.Module, observe: Observer, stack: ExitStack) -> None:
    """Let an LSTM train step by step until `stack` is left, and show its cell states.

    In evaluation it runs as ever.

    Raises:
        ValueError: it is no `nn.LSTM`, reads in two directions, or has a forward of its own.
    """
    lstm = _that_can_step(name, unwrapped(module))
    forward = lstm.__dict__.get("forward")
    if not isinstance(forward, _Steps):
        if forward is not None or type(lstm).forward is not nn.LSTM.forward:
            raise ValueError(
                f'on="cell" puts a forward of its own in the place of that of {name!r}, which '
                "something else has replaced already; undo that first"
            )
        forward = lstm.__dict__["forward"] = _Steps(lstm)
    forward.observers.append(observe)
    stack.callback(_stop, lstm, forward, observe)


class _Steps:
    """A forward for an `nn.LSTM` that tells observers of its cell states; watches share one.

    That of a copy of the module, or of one from a pickle, has no observers: it runs as ever.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        self.lstm = lstm
        self.observers: list[Observer] = []

    def __reduce__(self) -> tuple[type[_Steps], tuple[nn.LSTM]]:
        return _Steps, (self.lstm,)

    # Unrolled over all steps it would compile for minutes.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def __call__(self, input: Tensor, hx: Hidden | None = None) -> object:
        lstm = self.lstm
        if not lstm.training or not self.observers:
            return nn.LSTM.forward(lstm, input, hx)
        outputs, state, cells = stepwise_lstm(lstm, input, hx)
        for observe in self.observers:
            observe(lstm, cells)
        return outputs, state


def _stop(lstm: nn.LSTM, steps: _Steps, observe: Observer) -> None:
    steps.observers.remove(observe)
    if not steps.observers:
        lstm.__dict__.pop("forward", None)


def _that_can_step(name: str, module: nn.Module) -> nn.LSTM:
    if not isinstance(module, nn.LSTM):
        inner = [one for one, part in module.named_modules() if isinstance(part, nn.LSTM)]
        path = f"{name}.{inner[0]}".removeprefix(".") if inner else ""
        hint = f"Watch the LSTM in it, {path!r}" if inner else 'Use on="hidden"'
        raise ValueError(
            f'on="cell" reads the cell states of nn.LSTM; {name!r} is {type(module).__name__}, '
            f"which shows none. {hint}."
        )
    if module.bidirectional:
        raise ValueError(
            f'on="cell" works in one direction only, and {name!r} is bidirectional. Use '
            'on="hidden", or two LSTMs.'
        )
    return module


def stepwise_lstm(
    module: nn.LSTM, x: Tensor, state: Hidden | None = None
) -> tuple[Tensor, Hidden, Tensor]:
    """Compute what `module(x, state)` does, and the cell states of its top layer.

    Layers, biases, dropout between layers and projections are those of `nn.LSTM`; only the order
    of floating-point sums differs.

    Args:
        module: in one direction.
        x: (batch, time, inputs), (time, batch, inputs) or (time, inputs), as the module has it.
        state: as `nn.LSTM` takes it; zeros if None.

    Returns:
        Outputs, the last state, and cell states in the layout of the outputs.

    Raises:
        ValueError: `x` is packed.
        RuntimeError: shapes do not fit, as from `nn.LSTM`.
    """
    if not isinstance(x, Tensor):
        raise ValueError(
            f'on="cell" reads padded tensors, not {type(x).__name__}; give the padded batch, and '
            "its lengths to set_lengths"
        )
    single = x.dim() == 2
    if single:
        x = x.unsqueeze(0 if module.batch_first else 1)
        state = None if state is None else (state[0].unsqueeze(1), state[1].unsqueeze(1))
    _check_shapes(module, x, state)
    if module.batch_first:
        x = x.transpose(0, 1)
    after, cells = [], x
    for layer in range(module.num_layers):
        if layer and module.dropout:
            x = F.dropout(x, module.dropout, module.training)
        before = None if state is None else (state[0][layer], state[1][layer])
        x, cells, last = _layer(module, layer, x, before)
        after.append(last)
    end = (torch.stack([h for h, _ in after]), torch.stack([c for _, c in after]))
    if single:
        return x.squeeze(1), (end[0].squeeze(1), end[1].squeeze(1)), cells.squeeze(1)
    if module.batch_first:
        x, cells = x.transpose(0, 1), cells.transpose(0, 1)
    return x, end, cells


def _check_shapes(module: nn.LSTM, x: Tensor, state: Hidden | None) -> None:
    # nn.LSTM's own check: a state of one row would be spread over the batch otherwise.
    module.check_input(x, None)
    if not x.shape[1 if module.batch_first else 0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if state is not None:
        module.check_forward_args(x, state, None)


def _layer(
    module: nn.LSTM, layer: int, x: Tensor, before: Hidden | None
) -> tuple[Tensor, Tensor, Hidden]:
    """Run one layer over (time, batch, inputs)."""

    # Not get_parameter: a weight dropout puts plain tensors in the place of parameters.
    def weight(kind: str) -> Tensor | None:
        return getattr(module, f"{kind}_l{layer}", None)

    recurrent, projection = getattr(module, f"weight_hh_l{layer}"), weight("weight_hr")
    bias = weight("bias_hh")
    inputs = F.linear(x, getattr(module, f"weight_ih_l{layer}"), weight("bias_ih"))
    if before is None:
        h = inputs.new_zeros(x.shape[1], recurrent.shape[1])
        c = inputs.new_zeros(x.shape[1], module.hidden_size)
    else:
        h, c = (one.to(inputs.dtype) for one in before)  # float32 under autocast
    outputs, cells = [], []
    for gates in inputs.unbind(0):
        i, f, g, o = (gates + F.linear(h, recurrent, bias)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        if projection is not None:
            h = F.linear(h, projection)
        outputs.append(h)
        cells.append(c)
    return torch.stack(outputs), torch.stack(cells), (h, c)
