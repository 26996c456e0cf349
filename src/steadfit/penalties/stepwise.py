"""An `nn.LSTM` step by step, which shows what the fused one hides: every cell state."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Hidden = tuple[Tensor, Tensor]


def check_can_step(name: str, module: nn.Module) -> nn.LSTM:
    """Return the module as an `nn.LSTM` that can be run step by step.

    Raises:
        ValueError: it is something else, or reads in two directions.
    """
    if not isinstance(module, nn.LSTM):
        raise ValueError(
            f'on="cell" reads the cell states of nn.LSTM; {name!r} is {type(module).__name__}, '
            'which has none that can be reached. Use on="hidden".'
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
    """
    if not isinstance(x, Tensor):
        raise ValueError(
            f'on="cell" reads padded tensors, not {type(x).__name__}; give the padded batch, and '
            "its lengths to set_lengths"
        )
    single = x.dim() == 2
    if single:
        x = x.unsqueeze(1)
        state = None if state is None else (state[0].unsqueeze(1), state[1].unsqueeze(1))
    elif module.batch_first:
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


def _layer(
    module: nn.LSTM, layer: int, x: Tensor, before: Hidden | None
) -> tuple[Tensor, Tensor, Hidden]:
    """Run one layer over (time, batch, inputs)."""

    def weight(kind: str) -> Tensor | None:
        return getattr(module, f"{kind}_l{layer}", None)

    recurrent, projection = module.get_parameter(f"weight_hh_l{layer}"), weight("weight_hr")
    inputs = F.linear(x, module.get_parameter(f"weight_ih_l{layer}"), weight("bias_ih"))
    if (bias := weight("bias_hh")) is not None:
        inputs = inputs + bias
    if before is None:
        h = inputs.new_zeros(x.shape[1], recurrent.shape[1])
        c = inputs.new_zeros(x.shape[1], module.hidden_size)
    else:
        h, c = before
    outputs, cells = [], []
    for gates in inputs.unbind(0):
        i, f, g, o = (gates + F.linear(h, recurrent)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        if projection is not None:
            h = F.linear(h, projection)
        outputs.append(h)
        cells.append(c)
    return torch.stack(outputs), torch.stack(cells), (h, c)
