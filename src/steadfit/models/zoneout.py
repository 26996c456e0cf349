"""Zoneout: units that keep, at random, the value they had (Krueger et al., 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from steadfit.models.cells import CellState, next_state


class ZoneoutRNN(nn.Module):
    """One recurrent layer whose units keep their last value with a probability, anew at each step.

    In training, `h_t = d ⊙ h_{t-1} + (1 - d) ⊙ h̃_t` with a mask `d` that is one with the
    probability `zoneout_h`; `h̃_t` is what the cell computes. In evaluation `d` is its expectation,
    the probability itself. An LSTM's c has masks of its own, and `h̃_t = o ⊙ tanh(c̃_t)` is made of
    the c that no mask has touched, as in the paper and its authors' code.

    It has the parameters of the layer under their names, and runs step by step.

    Args:
        layer: an `nn.LSTM`, `nn.GRU` or `nn.RNN` of one layer in one direction.
        zoneout_h: probability that a unit's h is kept, in [0, 1).
        zoneout_c: the same for the c of an LSTM.
    """

    batch_first = True

    def __init__(self, layer: nn.RNNBase, zoneout_h: float, zoneout_c: float = 0.0) -> None:
        super().__init__()
        self.mode = layer.mode
        self.rates = (zoneout_h, zoneout_c) if layer.mode == "LSTM" else (zoneout_h,)
        for name, parameter in layer.named_parameters():
            self.register_parameter(name, parameter)

    def forward(
        self, x: Tensor, state: CellState, generator: Generator | None = None
    ) -> tuple[Tensor, CellState]:
        """Read `x`, `(batch, time, inputs)`, from `state`.

        Args:
            x: at least one step.
            state: before its first step.
            generator: draws the masks in training, those of h before those of c; None is
                PyTorch's own.

        Returns:
            Outputs `(batch, time, units)` and the state after the last step.
        """
        weight = self.get_parameter("weight_hh_l0")
        bias = self.get_parameter("bias_hh_l0")
        inputs = F.linear(
            x.transpose(0, 1),
            self.get_parameter("weight_ih_l0"),
            self.get_parameter("bias_ih_l0"),
        )
        state = tuple(part.to(weight.dtype) for part in state)
        shape = (len(inputs), *state[0].shape)
        keeps = [self._keep(rate, shape, x.device, generator) for rate in self.rates]
        outputs = []
        for step, gates in enumerate(inputs):
            now = next_state(self.mode, gates, F.linear(state[0], weight, bias), state)
            state = tuple(
                _zoned(before, after, keep[step])
                for before, after, keep in zip(state, now, keeps, strict=True)
            )
            outputs.append(state[0])
        return torch.stack(outputs, dim=1), state

    def extra_repr(self) -> str:
        return f"{self.mode}, rates={self.rates}"

    def _keep(
        self,
        rate: float,
        shape: tuple[int, ...],
        device: torch.device,
        generator: Generator | None,
    ) -> Tensor | list[float]:
        """Return, for each step, which units are kept, or how much of each in evaluation."""
        if not self.training or rate == 0:
            return [rate] * shape[0]
        mask = torch.empty(shape, dtype=torch.bool, device=device)
        return mask.bernoulli_(rate, generator=generator)


def _zoned(before: Tensor, now: Tensor, keep: Tensor | float) -> Tensor:
    if isinstance(keep, Tensor):
        return torch.where(keep, before, now)
    return keep * before + (1 - keep) * now if keep else now
