"""The stepwise LSTM is `nn.LSTM` in all it returns, and its cell states are those of a cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from steadfit.penalties import NormStabilizer, TemporalActivationRegularization, reference, watch
from steadfit.penalties.stepwise import stepwise_lstm
from tests.penalties.watched_models import WeightDropout, gradients

PRECISE = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


def lstm(**settings: Any) -> nn.LSTM:
    return nn.LSTM(2, 4, **settings).double()


def run(module: nn.LSTM, x: Tensor, state: Any, step: bool) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and states, and gradients in the input, the initial state and all weights."""
    leaves = [x.clone().requires_grad_()]
    if state is not None:
        leaves += [one.clone().requires_grad_() for one in state]
    initial = tuple(leaves[1:]) if state is not None else None
    found = stepwise_lstm(module, leaves[0], initial)[:2] if step else module(leaves[0], initial)
    out, (h, c) = found
    values = [out, h, c]
    total = sum(((n + 1) * one.sin()).sum() for n, one in enumerate(values))
    return values, list(torch.autograd.grad(total, [*leaves, *module.parameters()]))


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("shape", ["(time, batch)", "(batch, time)", "(time)", "(time) first"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"bias": False}, {"num_layers": 2}, {"proj_size": 3}, {"num_layers": 3, "proj_size": 2}],
)
def test_outputs_states_and_gradients_are_those_of_the_fused_one(
    settings: dict[str, Any], shape: str, with_state: bool
) -> None:
    first = shape in ("(batch, time)", "(time) first")
    module = lstm(batch_first=first, **settings)
    sizes = {"(time, batch)": (5, 3, 2), "(batch, time)": (3, 5, 2)}.get(shape, (5, 2))
    rows = () if len(sizes) == 2 else (3,)
    state = None
    if with_state:
        units = settings.get("proj_size", 4)
        state = tuple(
            torch.randn(module.num_layers, *rows, size, dtype=torch.float64) for size in (units, 4)
        )
    x = torch.randn(*sizes, dtype=torch.float64)
    torch.testing.assert_close(run(module, x, state, True), run(module, x, state, False), **PRECISE)


def test_dropout_between_layers_is_off_in_evaluation_and_on_in_training() -> None:
    module = lstm(num_layers=2, dropout=0.5).eval()
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(stepwise_lstm(module, x)[0], module(x)[0], **PRECISE)
    module.train()
    assert not torch.allclose(stepwise_lstm(module, x)[0], stepwise_lstm(module, x)[0])


def test_cell_states_are_those_of_a_cell_run_by_hand() -> None:
    module = lstm(batch_first=True)
    cell = nn.LSTMCell(2, 4).double()
    cell.load_state_dict({f"{n[:-3]}": p for n, p in module.state_dict().items()})
    x = torch.randn(3, 5, 2, dtype=torch.float64)
    state, cells = None, []
    for step in x.unbind(1):
        state = cell(step, state)
        cells.append(state[1])
    torch.testing.assert_close(stepwise_lstm(module, x)[2], torch.stack(cells, 1), **PRECISE)


@pytest.mark.parametrize("batch_first", [False, True])
def test_watched_cells_and_outputs_equal_the_loops(batch_first: bool) -> None:
    module = lstm(batch_first=batch_first, num_layers=2)
    x = torch.randn(3, 4, 2, dtype=torch.float64)
    lengths = [4, 1, 3]
    plain = module(x if batch_first else x.transpose(0, 1))
    out, _, cells = stepwise_lstm(module, x if batch_first else x.transpose(0, 1))
    if not batch_first:
        out, cells = out.transpose(0, 1), cells.transpose(0, 1)
    penalties = [NormStabilizer(3.0, on="cell"), TemporalActivationRegularization(2.0)]
    with watch(module, {"": penalties}) as watched:
        watched.set_lengths(torch.tensor(lengths))
        returned = module(x if batch_first else x.transpose(0, 1))
        value = watched.penalty()
    torch.testing.assert_close(returned, plain, **PRECISE)
    expected = reference.norm_stabilizer(
        cells, 3.0, lengths
    ) + reference.temporal_activation_regularization(out, 2.0, lengths)
    torch.testing.assert_close(value, expected, **PRECISE)
    torch.testing.assert_close(gradients(value, module), gradients(expected, module), **PRECISE)
    assert set(watched.terms()) == {"/norm_cell", "/tar"}


@pytest.mark.usefixtures("bf16_lstm")
@pytest.mark.parametrize("with_state", [False, True])
def test_under_autocast_it_has_the_dtypes_of_the_fused_one(with_state: bool) -> None:
    module = nn.LSTM(2, 4, num_layers=2)
    state = (torch.randn(2, 3, 4), torch.randn(2, 3, 4)) if with_state else None
    x = torch.randn(5, 3, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused, (h, c) = module(x, state)
        out, (stepped_h, stepped_c), cells = stepwise_lstm(module, x, state)
    assert cells.dtype == c.dtype == torch.bfloat16
    torch.testing.assert_close((out, stepped_h, stepped_c), (fused, h, c), rtol=0.02, atol=0.02)


def test_evaluation_runs_the_fused_one() -> None:
    module = lstm().eval()
    packed = pack_sequence([torch.randn(3, 2, dtype=torch.float64)])
    expected, _ = module(packed)
    with watch(module, {"": [NormStabilizer(1.0, on="cell")]}) as watched:
        out, _ = module(packed)  # which takes what the stepwise one does not
        assert watched.penalty().item() == 0
    assert torch.equal(out.data, expected.data)


def test_an_lstm_whose_weights_are_plain_tensors_steps_with_them() -> None:
    model = WeightDropout(nn.LSTM(2, 3, batch_first=True)).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64)
    plain, _ = model(x)
    with watch(model, {"module": [NormStabilizer(1.0, on="cell")]}) as watched:
        out, _ = model(x)
        watched.penalty().backward()
    assert model.raw.grad is not None
    assert model.raw.grad.abs().sum() > 0
    torch.testing.assert_close(out, plain, **PRECISE)


@pytest.mark.parametrize(
    ("model", "pattern", "message"),
    [
        (nn.GRU(2, 3), "", "is GRU"),
        (nn.LSTM(2, 3, bidirectional=True), "", "one direction only"),
        (WeightDropout(nn.LSTM(2, 3)), "", "Watch the LSTM in it, 'module'"),
        (nn.Sequential(WeightDropout(nn.LSTM(2, 3))), "0", "Watch the LSTM in it, '0.module'"),
    ],
)
def test_what_cannot_step_is_refused(model: nn.Module, pattern: str, message: str) -> None:
    with (
        pytest.raises(ValueError, match=message),
        watch(model, {pattern: [NormStabilizer(1.0, on="cell")]}),
    ):
        pass


def test_packed_input_and_states_that_do_not_fit_are_refused() -> None:
    module = lstm()
    with watch(module, {"": [NormStabilizer(1.0, on="cell")]}):
        with pytest.raises(ValueError, match=r"padded tensors, not PackedSequence.*set_lengths"):
            module(pack_sequence([torch.randn(3, 2, dtype=torch.float64)]))
        one_row = (torch.zeros(1, 1, 4).double(), torch.zeros(1, 1, 4).double())
        with pytest.raises(RuntimeError, match="Expected hidden"):
            module(torch.randn(5, 3, 2, dtype=torch.float64), one_row)
        with pytest.raises(RuntimeError, match="sequence length to be larger than 0"):
            module(torch.randn(*((3, 0, 2) if module.batch_first else (0, 3, 2))).double())
