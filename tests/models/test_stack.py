"""Stacks of recurrent layers: against PyTorch's own modules, and what they start from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

from steadfit.core.errors import DataError
from steadfit.kernels.lstm import lstm
from steadfit.models import cells
from steadfit.models.cells import CELLS
from steadfit.models.stack import RecurrentStack, StackState, detach_stack_state
from steadfit.penalties import norm_stabilizer, temporal_activation_regularization
from steadfit.penalties.modules import NormStabilizer, TemporalActivationRegularization
from steadfit.penalties.runs import states_by_step
from steadfit.penalties.watch import watch

INPUTS, UNITS = 3, 5
MAKERS: dict[str, Any] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": nn.RNN,
    "irnn": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def stack(cell: str, layers: int = 1, **options: Any) -> RecurrentStack:
    """Build a stack in float64, whose irnn does something from the first step on."""
    options = {"generator": seeded(1), "irnn_input_std": 0.5, **options}
    return RecurrentStack(cell, INPUTS, UNITS, layers, **options).double()


def theirs(ours: RecurrentStack) -> nn.RNNBase:
    """Return PyTorch's fused module of as many layers with the same weights."""
    module: nn.RNNBase = MAKERS[ours.cell](INPUTS, UNITS, len(ours.layers), batch_first=True)
    weights = {
        f"{name.removesuffix('0')}{i}": value
        for i, layer in enumerate(ours.layers)
        for name, value in layer.state_dict().items()
    }
    module.double().load_state_dict(weights)
    return module


def given_state(cell: str, layers: int, batch: int) -> StackState:
    parts = 2 if cell == "lstm" else 1
    numbers = torch.randn(layers, parts, batch, UNITS, generator=seeded(5), dtype=torch.float64)
    return tuple(tuple(layer.unbind()) for layer in numbers)


def numbers(batch: int, time: int) -> Tensor:
    return torch.randn(batch, time, INPUTS, generator=seeded(2), dtype=torch.float64)


@pytest.mark.parametrize("cell", CELLS)
@given(batch=st.integers(1, 3), time=st.integers(1, 6), layers=st.integers(1, 3))
def test_a_stack_is_pytorchs_module_of_these_layers(
    cell: str, batch: int, time: int, layers: int
) -> None:
    ours = stack(cell, layers)
    reference, x, state = theirs(ours), numbers(batch, time), given_state(cell, layers, batch)
    joined = [torch.stack(parts) for parts in zip(*state, strict=True)]
    expected, after = reference(x, tuple(joined) if len(joined) == 2 else joined[0])
    got = ours(x, state)
    torch.testing.assert_close(got.hidden, expected, rtol=1e-12, atol=1e-12)
    after = after if isinstance(after, tuple) else (after,)
    for i, layer in enumerate(got.state):
        for part, theirs_part in zip(layer, after, strict=True):
            torch.testing.assert_close(part, theirs_part[i], rtol=1e-12, atol=1e-12)
    without = ours(x).hidden
    torch.testing.assert_close(without, reference(x)[0], rtol=1e-12, atol=1e-12)

    weighing = torch.arange(1.0, expected.numel() + 1).double().view_as(expected)
    (expected * weighing).sum().backward()
    (got.hidden * weighing).sum().backward()
    for i, layer in enumerate(ours.layers):
        for name, parameter in layer.named_parameters():
            other = reference.get_parameter(f"{name.removesuffix('0')}{i}")
            torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_windows_with_the_state_carried_over_are_the_whole(cell: str, cut: int) -> None:
    ours, x = stack(cell, 2).float(), numbers(3, 9).float()
    whole = ours(x)
    first = ours(x[:, :cut])
    second = ours(x[:, cut:], detach_stack_state(first.state))
    joined = torch.cat([first.hidden, second.hidden], dim=1)
    torch.testing.assert_close(joined, whole.hidden, rtol=1e-6, atol=1e-6)
    for got, expected in zip(second.state, whole.state, strict=True):
        for part, expected_part in zip(got, expected, strict=True):
            torch.testing.assert_close(part, expected_part, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_call_leaves_nothing_behind_and_gradients_stop_at_a_detached_state(cell: str) -> None:
    ours, x = stack(cell, 2), numbers(2, 4)
    first = ours(x)
    assert torch.equal(ours(x).hidden, first.hidden)
    detached = detach_stack_state(first.state)
    assert all(part.requires_grad for layer in first.state for part in layer)
    assert not any(part.requires_grad for layer in detached for part in layer)
    assert [len(layer) for layer in detached] == [2 if cell == "lstm" else 1] * 2
    assert torch.equal(detached[-1][0], first.hidden[:, -1])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, {"orthogonal": True}, {"zoneout_h": 0.1}])
def test_first_weights_come_from_the_generator_and_from_no_other(
    cell: str, options: dict[str, Any]
) -> None:
    before = torch.get_rng_state()
    one, same, other = (
        stack(cell, 2, generator=seeded(seed), **options).state_dict() for seed in (7, 7, 8)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    differ = {name for name, value in one.items() if not torch.equal(value, other[name])}
    fixed = {name for name in one if "weight_ih" not in name} if cell == "irnn" else set()
    assert differ == one.keys() - fixed


def test_weights_have_the_same_names_with_zoneout_and_without() -> None:
    for cell in CELLS:
        plain, zoned = stack(cell, 2), stack(cell, 2, zoneout_h=0.3)
        assert list(plain.state_dict()) == list(zoned.state_dict())
        zoned.load_state_dict(plain.state_dict())


def test_an_irnn_starts_as_the_identity_without_biases() -> None:
    ours = RecurrentStack("irnn", 40, 50, 2, generator=seeded(3))
    for layer, inputs in zip(ours.layers.requires_grad_(False), (40, 50), strict=True):
        assert torch.equal(layer.weight_hh_l0, torch.eye(50))
        assert not layer.bias_ih_l0.any()
        assert not layer.bias_hh_l0.any()
        assert layer.weight_ih_l0.shape == (50, inputs)
        assert abs(float(layer.weight_ih_l0.std()) / 0.001 - 1) < 0.1
        assert abs(float(layer.weight_ih_l0.mean())) < 1e-4
    wider = RecurrentStack("irnn", 40, 50, generator=seeded(3), irnn_input_std=0.1)
    torch.testing.assert_close(
        wider.layers[0].weight_ih_l0, 100 * ours.layers[0].weight_ih_l0, rtol=1e-5, atol=0
    )


def test_an_irnn_adds_its_inputs_up_and_holds_them_at_zero() -> None:
    ours = stack("irnn")
    with torch.no_grad():
        ours.layers[0].weight_ih_l0.copy_(torch.tensor([[1.0, 0, 0]] * 4 + [[-1.0, 0, 0]]))
    x = torch.zeros(1, 4, INPUTS, dtype=torch.float64)
    x[0, :, 0] = torch.tensor([2.0, 3.0, -1.0, 0.0])
    # Running sums 2, 5, 4, 4 where weights are 1; with -1: 0, 0, 1, 1.
    expected = torch.tensor([[2, 2, 2, 2, 0], [5, 5, 5, 5, 0], [4, 4, 4, 4, 1], [4, 4, 4, 4, 1.0]])
    assert torch.equal(ours(x).hidden[0], expected.double())


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3), ("tanh", 1), ("irnn", 1)])
def test_recurrent_weights_start_orthogonal_gate_by_gate_if_asked(cell: str, gates: int) -> None:
    ours = stack(cell, 2, orthogonal=True)
    for layer in ours.layers:
        matrices = layer.weight_hh_l0.split(UNITS)
        assert len(matrices) == gates
        for matrix in matrices:
            product = matrix @ matrix.T
            torch.testing.assert_close(product, torch.eye(UNITS).double(), rtol=0, atol=1e-6)
    plain = stack(cell, 2)
    assert torch.equal(plain.layers[0].weight_ih_l0, ours.layers[0].weight_ih_l0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("zoneout_h", [0.0, 0.2])
def test_penalties_can_watch_every_layer(cell: str, zoneout_h: float) -> None:
    ours, x = stack(cell, 2, zoneout_h=zoneout_h), numbers(4, 7)
    pattern = {
        "layers.*": [NormStabilizer(50.0)],
        "layers.1": [TemporalActivationRegularization(2.0)],
    }
    with watch(ours, pattern) as watched:
        hidden = ours(x, generator=seeded(4)).hidden
        penalty, terms = watched.penalty(), watched.terms()
    top = norm_stabilizer(hidden, 50.0)
    lower = copy.deepcopy(ours)
    del lower.layers[1]
    lower_hidden = lower(x, generator=seeded(4)).hidden  # drawn first, so the masks are the same
    expected = top + temporal_activation_regularization(hidden, 2.0)
    expected = expected + norm_stabilizer(lower_hidden, 50.0)
    torch.testing.assert_close(penalty, expected)
    assert len(terms) == 3
    penalty.backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


def test_cell_states_of_a_plain_lstm_can_be_watched_others_are_refused() -> None:
    pattern = {"layers.0": [NormStabilizer(1.0, on="cell")]}
    ours, x = stack("lstm"), numbers(2, 4)
    plain = ours(x).hidden
    with watch(ours, pattern) as watched:
        torch.testing.assert_close(ours(x).hidden, plain)
        assert watched.penalty() > 0
    for other in (stack("lstm", zoneout_c=0.5), stack("lstm", kernels=True)):
        with pytest.raises(ValueError, match='on="cell"'), watch(other, pattern):
            pass


def test_an_lstm_on_own_kernels_is_the_plain_one_and_its_outputs_can_be_watched() -> None:
    plain, ours, x = stack("lstm", 2), stack("lstm", 2, kernels=True), numbers(3, 6)
    ours.load_state_dict(plain.state_dict())
    with watch(ours, {"layers.1": [NormStabilizer(3.0)]}) as watched:
        hidden = ours(x).hidden
        torch.testing.assert_close(watched.penalty(), norm_stabilizer(hidden, 3.0))
    torch.testing.assert_close(hidden, plain(x).hidden)


def test_a_layer_on_own_kernels_starts_from_zeros_as_a_plain_one_does() -> None:
    plain, ours, x = stack("lstm"), stack("lstm", kernels=True), numbers(3, 6)
    ours.load_state_dict(plain.state_dict())
    torch.testing.assert_close(ours.layers[0](x), plain.layers[0](x))
    torch.testing.assert_close(
        states_by_step(ours.layers[0], x), states_by_step(plain.layers[0], x)
    )


def test_an_lstm_in_bfloat16_calls_own_kernels_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Tensor] = []

    def noted(x: Tensor, *arguments: Any) -> Any:
        read.append(x)
        return lstm(x, *arguments)

    monkeypatch.setattr(cells, "lstm", noted)
    x = numbers(2, 3).float()
    with torch.autocast("cpu", torch.bfloat16):
        stack("lstm").float()(x)
        assert not read
        stack("lstm", kernels=True).float()(x)
    assert [part is x for part in read] == [True]


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        *((cell, {}) for cell in CELLS),
        *((cell, {"zoneout_h": 1e-9}) for cell in CELLS),
        ("lstm", {"kernels": True}),
    ],
)
def test_a_stack_runs_under_autocast_with_its_state_carried(
    cell: str, options: dict[str, Any]
) -> None:
    ours, x = stack(cell, 2, **options).float(), numbers(4, 6).float()
    exact = ours(x, ours(x).state).hidden
    with torch.autocast("cpu", torch.bfloat16):
        first = ours(x)
        state = detach_stack_state(first.state)
        second = ours(x, state).hidden
    second.float().sum().backward()
    torch.testing.assert_close(second.float(), exact, rtol=0.05, atol=0.05)
    in_float32 = ours(x, tuple(tuple(part.bfloat16() for part in layer) for layer in state)).hidden
    assert in_float32.dtype == torch.float32
    torch.testing.assert_close(in_float32, exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rnn", 3, 5), "accepted are lstm, gru, tanh, irnn"),
        (("gru", 3, 5, 1, 0.0, 0.5), "only lstm has"),
        (("lstm", 3, 5, 1, 1.0), r"zoneout_h is 1.*\[0, 1\)"),
        (("lstm", 3, 5, 1, -0.1), "zoneout_h"),
        (("lstm", 3, 5, 1, 0.0, float("nan")), "zoneout_c"),
        (("lstm", 3, 0), "units is 0"),
        (("lstm", 3, 5, 0), "layers is 0"),
        (("lstm", 2.5, 5), "inputs is 2.5"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RecurrentStack(*arguments)
    with pytest.raises(DataError, match="irnn_input_std"):
        RecurrentStack("irnn", 3, 5, irnn_input_std=-1.0)


def test_inputs_and_states_of_another_shape_are_refused() -> None:
    ours, x = stack("gru", 2), numbers(2, 4)
    for wrong in (x[0], x[:, :0], x[..., :2]):
        with pytest.raises(DataError, match="accepted is"):
            ours(wrong)
    for state in (
        given_state("gru", 1, 2),  # of one layer
        given_state("gru", 2, 3),  # of three rows
        given_state("lstm", 2, 2),
    ):
        with pytest.raises(DataError, match=r"2 layers, 1 of \(2, 5\)"):
            ours(x, state)
