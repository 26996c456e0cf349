"""Small models to be watched, and what the plain float64 loops make of their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from steadfit.penalties import reference
from steadfit.penalties.modules import (
    ActivationRegularization,
    NormStabilizer,
    Penalty,
    TemporalActivationRegularization,
)

PRECISE = {"rtol": 1e-10, "atol": 1e-12}

LOOPS = {
    "ar": reference.activation_regularization,
    "tar": reference.temporal_activation_regularization,
    "norm": reference.norm_stabilizer,
}


class LanguageModel(nn.Module):
    """Two LSTMs, a dropout behind the last one, and a decoder."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.rnns = nn.ModuleList(
            [nn.LSTM(2, 3, batch_first=True), nn.LSTM(3, 3, batch_first=True)]
        )
        self.output_dropout = nn.Dropout(p)
        self.decoder = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        for rnn in self.rnns:
            x, _ = rnn(x)
        return self.decoder(self.output_dropout(x))


class TanhRNN(nn.Module):
    """Written by hand; it says of itself neither how its outputs lie nor in which direction."""

    def __init__(self, inputs: int = 2, units: int = 3) -> None:
        super().__init__()
        self.cell = nn.RNNCell(inputs, units)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = x.new_zeros(x.shape[0], self.cell.hidden_size)
        outputs = []
        for step in x.unbind(1):
            h = torch.tanh(
                step @ self.cell.weight_ih.T + h @ self.cell.weight_hh.T + self.cell.bias_hh
            )
            outputs.append(h)
        return torch.stack(outputs, 1), h


class WeightDropout(nn.Module):
    """Keeps an LSTM under `module`, with a plain tensor in the place of a weight."""

    def __init__(self, module: nn.LSTM) -> None:
        super().__init__()
        self.module = module
        raw = module.weight_hh_l0
        del module.weight_hh_l0
        self.raw = nn.Parameter(raw.detach().clone())
        module.weight_hh_l0 = self.raw * 1.0

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        self.module.weight_hh_l0 = self.raw * 0.5
        return self.module(x)


def all_three() -> list[Penalty]:
    return [
        ActivationRegularization(2.0),
        TemporalActivationRegularization(1.0),
        NormStabilizer(50.0),
    ]


def by_loops(h: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
    """The value of `all_three` on states (batch, time, units)."""
    lengths = [h.shape[1]] * h.shape[0] if lengths is None else lengths
    coefficients = {"ar": 2.0, "tar": 1.0, "norm": 50.0}
    values = [LOOPS[name](h, coefficient, lengths) for name, coefficient in coefficients.items()]
    return torch.stack(values).sum()


def gradients(value: Tensor, module: nn.Module) -> list[Tensor]:
    """The gradients of a value in the module's parameters; zeros where there is none."""
    parameters = list(module.parameters())
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return [
        torch.zeros_like(p) if g is None else g
        for g, p in zip(found, module.parameters(), strict=True)
    ]


def batch(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def assert_same(watched_value: Tensor, expected: Tensor, module: nn.Module) -> None:
    torch.testing.assert_close(watched_value, expected, **PRECISE)
    torch.testing.assert_close(
        gradients(watched_value, module), gradients(expected, module), **PRECISE
    )


def both_directions(h: Tensor, lengths: list[int] | None, module: nn.RNNBase) -> Tensor:
    """The loops over (batch, time, units), each direction as rows of its own."""
    if not module.bidirectional:
        return by_loops(h, lengths)
    rows = torch.cat([h[..., : h.shape[2] // 2], h[..., h.shape[2] // 2 :]])
    return by_loops(rows, None if lengths is None else lengths * 2)
