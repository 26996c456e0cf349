"""Zoneout against the paper's equations, written out in float64 with the same masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from steadfit.models.cells import CELLS
from steadfit.models.stack import RecurrentStack

BATCH, TIME, INPUTS, UNITS = 3, 7, 2, 4
Weights = dict[str, Tensor]


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def stack(cell: str, layers: int = 1, **rates: float) -> RecurrentStack:
    options: dict[str, Any] = {"generator": seeded(1), "irnn_input_std": 0.5}
    return RecurrentStack(cell, INPUTS, UNITS, layers, **rates, **options).double()


def inputs() -> Tensor:
    return torch.randn(BATCH, TIME, INPUTS, generator=seeded(2), dtype=torch.float64)


def masks(rate: float, generator: Generator | None) -> Tensor:
    """Draw d for every step; without a generator, return its expectation."""
    if generator is None or rate == 0:
        return torch.full((TIME, BATCH, UNITS), rate, dtype=torch.float64)
    drawn = torch.empty(TIME, BATCH, UNITS, dtype=torch.bool)
    return drawn.bernoulli_(rate, generator=generator).double()


def lstm_by_the_paper(x: Tensor, w: Weights, z_h: float, z_c: float, d: Any) -> Tensor:
    h, c = torch.zeros(2, BATCH, UNITS).double()
    d_h, d_c = masks(z_h, d), masks(z_c, d)
    outputs = []
    for t in range(TIME):
        a = x[:, t] @ w["ih"].T + w["b_ih"] + h @ w["hh"].T + w["b_hh"]
        i, f, o = (torch.sigmoid(a[:, k * UNITS : (k + 1) * UNITS]) for k in (0, 1, 3))
        g = torch.tanh(a[:, 2 * UNITS : 3 * UNITS])
        new_c = f * c + i * g
        c = d_c[t] * c + (1 - d_c[t]) * new_c
        h = d_h[t] * h + (1 - d_h[t]) * (o * torch.tanh(new_c))
        outputs.append(h)
    return torch.stack(outputs, 1)


def other_by_the_paper(
    step: Callable[[Tensor, Tensor, Weights], Tensor], x: Tensor, w: Weights, z_h: float, d: Any
) -> Tensor:
    h, d_h = torch.zeros(BATCH, UNITS).double(), masks(z_h, d)
    outputs = []
    for t in range(TIME):
        h = d_h[t] * h + (1 - d_h[t]) * step(x[:, t], h, w)
        outputs.append(h)
    return torch.stack(outputs, 1)


def gru_step(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    from_x, from_h = x @ w["ih"].T + w["b_ih"], h @ w["hh"].T + w["b_hh"]
    reset = torch.sigmoid(from_x[:, :UNITS] + from_h[:, :UNITS])
    update = torch.sigmoid(from_x[:, UNITS : 2 * UNITS] + from_h[:, UNITS : 2 * UNITS])
    new = torch.tanh(from_x[:, 2 * UNITS :] + reset * from_h[:, 2 * UNITS :])
    return (1 - update) * new + update * h


def simple_step(nonlinearity: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, h, w: nonlinearity(x @ w["ih"].T + w["b_ih"] + h @ w["hh"].T + w["b_hh"])


STEPS = {"gru": gru_step, "tanh": simple_step(torch.tanh), "irnn": simple_step(torch.relu)}


def by_the_paper(ours: RecurrentStack, x: Tensor, generator: Generator | None) -> Tensor:
    for layer in ours.layers:
        names = {"ih": "weight_ih", "hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
        w = {short: layer.get_parameter(f"{name}_l0") for short, name in names.items()}
        if ours.cell == "lstm":
            x = lstm_by_the_paper(x, w, ours.zoneout_h, ours.zoneout_c, generator)
        else:
            x = other_by_the_paper(STEPS[ours.cell], x, w, ours.zoneout_h, generator)
    return x


RATES = [
    ("lstm", {"zoneout_h": 0.05, "zoneout_c": 0.5}),
    ("lstm", {"zoneout_h": 0.4}),
    ("lstm", {"zoneout_c": 0.4}),
    ("gru", {"zoneout_h": 0.3}),
    ("tanh", {"zoneout_h": 0.3}),
    ("irnn", {"zoneout_h": 0.3}),
]


@pytest.mark.parametrize(("cell", "rates"), RATES)
@pytest.mark.parametrize("training", [True, False])
def test_zoneout_is_that_of_the_paper(cell: str, rates: dict[str, float], training: bool) -> None:
    ours = stack(cell, 2, **rates).train(training)
    x = inputs().requires_grad_()
    got = ours(x, generator=seeded(9)).hidden
    expected = by_the_paper(ours, x, seeded(9) if training else None)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    weighing = torch.arange(1.0, got.numel() + 1).double().view_as(got)
    leaves = [x, *ours.parameters()]
    for mine, theirs in zip(
        torch.autograd.grad((got * weighing).sum(), leaves),
        torch.autograd.grad((expected * weighing).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_as_the_rate_falls_to_zero_zoneout_becomes_the_plain_layer(cell: str) -> None:
    plain, x = stack(cell, 2), inputs()
    for training in (True, False):
        zoned = stack(cell, 2, zoneout_h=1e-15).train(training)
        got = zoned(x, generator=seeded(1)).hidden
        torch.testing.assert_close(got, plain(x).hidden, rtol=1e-12, atol=1e-12)
    assert type(zoned.layers[0]) is not type(plain.layers[0])  # both ways were run
    assert type(stack(cell, zoneout_h=0.0).layers[0]) is type(plain.layers[0])


def test_in_training_units_keep_their_value_or_take_the_new_one_at_the_rate() -> None:
    ours = RecurrentStack("tanh", INPUTS, 200, zoneout_h=0.3, generator=seeded(1))
    x = torch.randn(20, 30, INPUTS, generator=seeded(2))
    hidden = ours(x, generator=seeded(3)).hidden
    kept = hidden[:, 1:] == hidden[:, :-1]
    n = kept.numel()
    assert abs(float(kept.float().mean()) - 0.3) < 4 * (0.3 * 0.7 / n) ** 0.5
    assert not torch.equal(kept[:, 0], kept[:, 1]), "one mask for all steps"
    assert not torch.equal(kept[0], kept[1]), "one mask for all rows"


def test_masks_of_h_and_c_are_not_the_same() -> None:
    ours = stack("lstm", zoneout_h=0.5, zoneout_c=0.5)
    threes = torch.full((400, UNITS), 3.0).double()
    x = torch.zeros(400, 1, INPUTS).double()
    ((h, c),) = ours(x, ((threes, threes),), seeded(1)).state
    h_kept, c_kept = h == 3, c == 3
    both = float((h_kept & c_kept).double().mean())
    assert 0.2 < both < 0.3
    assert 0.45 < float(h_kept.double().mean()) < 0.55
    assert 0.45 < float(c_kept.double().mean()) < 0.55


@pytest.mark.parametrize("cell", CELLS)
def test_masks_come_from_the_generator_and_evaluation_draws_none(cell: str) -> None:
    ours, x = stack(cell, 2, zoneout_h=0.4), inputs()
    before, one = torch.get_rng_state(), seeded(1)
    first = ours(x, generator=one).hidden
    assert torch.equal(first, ours(x, generator=seeded(1)).hidden)
    assert not torch.equal(first, ours(x, generator=one).hidden)
    assert torch.equal(torch.get_rng_state(), before)
    ours.eval()
    state = one.get_state()
    assert torch.equal(ours(x, generator=one).hidden, ours(x).hidden)
    assert torch.equal(one.get_state(), state)
    torch.manual_seed(1)
    assert torch.equal(ours.train()(x).hidden, first), "without one, PyTorch's own"


@pytest.mark.parametrize("cell", CELLS)
def test_windows_with_the_state_carried_over_are_the_whole(cell: str) -> None:
    ours, x = stack(cell, 2, zoneout_h=0.4).eval(), inputs()
    whole, first = ours(x), ours(x[:, :3])
    second = ours(x[:, 3:], first.state)
    joined = torch.cat([first.hidden, second.hidden], dim=1)
    torch.testing.assert_close(joined, whole.hidden, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(second.state, whole.state, rtol=1e-12, atol=1e-12)


def test_a_layer_says_what_it_is_and_with_which_rates() -> None:
    assert "LSTM, rates=(0.05, 0.5)" in repr(stack("lstm", zoneout_h=0.05, zoneout_c=0.5))
    assert "GRU, rates=(0.1,)" in repr(stack("gru", zoneout_h=0.1))
