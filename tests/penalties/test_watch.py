"""What a watch makes of a module's outputs equals the plain loops over them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    TemporalActivationRegularization,
    reference,
    warm_up,
    watch,
)
from tests.penalties.watched_models import (
    LanguageModel,
    TanhRNN,
    all_three,
    by_loops,
    gradients,
)

LENGTHS = [4, 2, 3]
PRECISE = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


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


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [(nn.RNN, {}), (nn.GRU, {}), (nn.LSTM, {}), (nn.LSTM, {"proj_size": 2, "num_layers": 2})],
)
def test_values_and_gradients_equal_the_loops(
    kind: type[nn.RNNBase], settings: dict[str, Any], batch_first: bool, bidirectional: bool
) -> None:
    rnn = kind(2, 3, batch_first=batch_first, bidirectional=bidirectional, **settings).double()
    x = batch(3, 4, 2)
    with watch(rnn, {"": all_three()}) as watched:
        for lengths in (None, torch.tensor(LENGTHS)):
            watched.set_lengths(lengths)
            out, _ = rnn(x if batch_first else x.transpose(0, 1))
            h = out if batch_first else out.transpose(0, 1)
            real = None if lengths is None else LENGTHS
            assert_same(watched.penalty(), both_directions(h, real, rnn), rnn)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_row_without_its_batch_axis_is_one_row(bidirectional: bool) -> None:
    for batch_first in (False, True):
        rnn = nn.GRU(2, 3, batch_first=batch_first, bidirectional=bidirectional).double()
        with watch(rnn, {"": all_three()}) as watched:
            out, _ = rnn(batch(5, 2))
            assert_same(watched.penalty(), both_directions(out[None], None, rnn), rnn)
            norms = watched.norms()[""]
        torch.testing.assert_close(norms, out[:, :3].norm(dim=1))


@pytest.mark.parametrize("sorted_rows", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_outputs_carry_their_own_lengths(sorted_rows: bool, bidirectional: bool) -> None:
    rnn = nn.LSTM(2, 3, bidirectional=bidirectional).double()
    lengths = sorted(LENGTHS, reverse=True) if sorted_rows else LENGTHS
    packed = pack_padded_sequence(
        batch(3, 4, 2), lengths, batch_first=True, enforce_sorted=sorted_rows
    )
    with watch(rnn, {"": all_three()}) as watched:
        out, _ = rnn(packed)
        h, _ = pad_packed_sequence(out, batch_first=True)
        assert_same(watched.penalty(), both_directions(h, lengths, rnn), rnn)


def test_a_mask_hides_padding_wherever_it_is() -> None:
    rnn = nn.GRU(2, 3, batch_first=True).double()
    mask = torch.tensor([[False, True, True, True], [False, False, True, True]])
    with watch(rnn, {"": all_three()}) as watched:
        watched.set_lengths(mask)
        h, _ = rnn(batch(2, 4, 2))
        left = torch.stack([h[0].roll(-1, 0), h[1].roll(-2, 0)])  # padding behind, for the loops
        assert_same(watched.penalty(), by_loops(left, [3, 2]), rnn)


def test_calls_of_different_size_are_joined_as_one_batch() -> None:
    rnn = nn.GRU(2, 3, batch_first=True).double()
    x = batch(3, 4, 2)
    with watch(rnn, {"": all_three()}) as watched:
        watched.set_lengths(torch.tensor(LENGTHS))
        rnn(x)
        whole = watched.penalty()
        for rows in (slice(0, 1), slice(1, 3)):
            watched.set_lengths(torch.tensor(LENGTHS[rows]))
            rnn(x[rows])
        assert_same(watched.penalty(), whole, rnn)


def test_a_module_called_twice_in_a_forward_counts_twice() -> None:
    rnn = nn.RNN(2, 2, batch_first=True).double()
    x = batch(2, 3, 2)
    with watch(rnn, {"": all_three()}) as watched:
        first, _ = rnn(x)
        second, _ = rnn(first)
        assert_same(watched.penalty(), by_loops(torch.cat([first, second])), rnn)


def test_ar_reads_what_the_dropout_returned_and_tar_what_the_lstm_did() -> None:
    model = LanguageModel().double()
    seen: dict[str, Tensor] = {}
    model.output_dropout.register_forward_hook(lambda m, i, o: seen.update(dropped=o, h=i[0]))
    penalties = {
        "rnns.1": [TemporalActivationRegularization(1.0), NormStabilizer(50.0)],
        "output_dropout": [ActivationRegularization(2.0)],
    }
    with watch(model, penalties) as watched:
        model(batch(2, 5, 2))
        assert (seen["dropped"] == 0).any()
        full = [5, 5]
        parts = {
            "rnns.1/tar": reference.temporal_activation_regularization(seen["h"], 1.0, full),
            "rnns.1/norm": reference.norm_stabilizer(seen["h"], 50.0, full),
            "output_dropout/ar": reference.activation_regularization(seen["dropped"], 2.0, full),
        }
        assert watched.terms() == {}
        assert_same(watched.penalty(), torch.stack(list(parts.values())).sum(), model)
        torch.testing.assert_close(watched.terms(), {n: v.detach() for n, v in parts.items()})
        assert not any(value.requires_grad for value in watched.terms().values())


def test_ar_works_behind_a_dropout_that_sees_rows_and_steps_as_one_axis() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)).double()
    with watch(model, {"1": [ActivationRegularization(2.0)]}, batch_first=True) as watched:
        dropped = model(batch(6, 2))
        expected = 2 * (dropped**2).mean()
        assert_same(watched.penalty(), expected, model)
        assert watched.norms() == {}  # which step a state is of cannot be told
    with (
        watch(model, {"1": [NormStabilizer(2.0)]}, batch_first=True),
        pytest.raises(ValueError, match="batch axis"),
    ):
        model(batch(6, 2))


def test_norms_are_means_by_step_and_the_second_direction_starts_at_the_end() -> None:
    rnn = nn.GRU(2, 3, bidirectional=True, batch_first=True).double()
    with watch(rnn, {"": all_three()}) as watched:
        assert watched.norms() == {}
        watched.set_lengths(torch.tensor(LENGTHS))
        h, _ = rnn(batch(3, 4, 2))
        watched.set_lengths(None)
        longer, _ = rnn(batch(1, 6, 2))
        norms = watched.norms()
        assert watched.norms() == {}
    rows = [h[0], h[1, :2], h[2, :3], longer[0]]
    for name, units, turn in (("", slice(0, 3), False), ("_reverse", slice(3, 6), True)):
        by_row = [(row.flip(0) if turn else row)[:, units].norm(dim=1) for row in rows]
        means = [torch.stack([row[t] for row in by_row if len(row) > t]).mean() for t in range(6)]
        torch.testing.assert_close(norms[name], torch.stack(means).detach())


def test_norms_do_not_count_padding_that_holds_nan() -> None:
    class Padded(nn.Module):
        batch_first = True

        def forward(self, x: Tensor) -> Tensor:
            return x

    model = Padded()
    x = torch.tensor([[[3.0, 4.0], [float("nan")] * 2]], requires_grad=True)
    with watch(model, {"": all_three()}) as watched:
        watched.set_lengths(torch.tensor([1]))
        model(x)
        watched.penalty().backward()
        assert watched.norms()[""][0] == 5
    assert x.grad is not None
    assert x.grad.tolist() == [[[6.0, 8.0], [0.0, 0.0]]]  # AR alone: 2 * mean of two squares


def test_a_recurrent_module_written_by_hand_is_read_as_the_caller_says() -> None:
    model = nn.Sequential(TanhRNN()).double()
    with (
        pytest.raises(ValueError, match=r"'0' .TanhRNN.*batch_first"),
        watch(model, {"0": all_three()}),
    ):
        pass
    with watch(model, {"0": all_three()}, batch_first=True) as watched:
        h, _ = model(batch(2, 4, 2))
        assert_same(watched.penalty(), by_loops(h), model)


def test_an_attention_does_not_say_how_a_recurrent_module_lies() -> None:
    model = nn.ModuleDict({"rnn": TanhRNN(), "attention": nn.MultiheadAttention(2, 1)})
    with pytest.raises(ValueError, match="cannot be told"), watch(model, {"rnn": all_three()}):
        pass


def test_a_wrapper_that_mixes_two_directions_is_read_as_one() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(2, 3, batch_first=True, bidirectional=True)
            self.mix = nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(self.rnn(x)[0])

    model = Mixed().double()
    with watch(model, {"": [NormStabilizer(2.0)]}) as watched:
        h = model(batch(2, 3, 2))
        assert_same(watched.penalty(), reference.norm_stabilizer(h, 2.0, [3, 3]), model)


def test_the_last_states_alone_are_not_taken_for_one_row() -> None:
    class Last(TanhRNN):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x)[1]

    model = Last()
    with (
        watch(model, {"": all_three()}, batch_first=True),
        pytest.raises(ValueError, match=r"shape \(2, 3\)"),
    ):
        model(torch.randn(2, 4, 2))


def test_evaluation_costs_nothing_and_training_beside_it_still_counts() -> None:
    model = LanguageModel(p=0.0).double()
    with watch(model, {"rnns.*": all_three()}) as watched:
        model.eval()
        model(batch(2, 4, 2))
        nothing = watched.penalty()
        assert nothing.item() == 0
        assert not nothing.requires_grad
        assert set(watched.norms()) == {"rnns.0", "rnns.1"}
        with torch.inference_mode():
            model(batch(2, 4, 2))
        model.train()
        model(batch(2, 3, 2))
        trained = watched.penalty()
        trained.backward()
        assert trained.item() > 0


def test_schedules_are_asked_for_the_step() -> None:
    rnn = nn.GRU(2, 3, batch_first=True).double()
    x = batch(2, 3, 2)
    full = reference.norm_stabilizer(rnn(x)[0], 1.0, [3, 3]).item()
    asked: list[int] = []

    def spy(step: int) -> float:
        asked.append(step)
        return 0.0

    both = [NormStabilizer(warm_up(4.0, steps=2)), TemporalActivationRegularization(spy)]
    values = []
    with watch(rnn, {"": both}) as watched:
        for step in (None, None, None, None, 1):
            rnn(x)
            values.append(watched.penalty(step).item())
    assert values == pytest.approx([0, 2 * full, 4 * full, 4 * full, 2 * full])
    assert asked == [0, 1, 2, 3, 1]


def test_gradients_of_micro_batches_accumulate() -> None:
    rnn = nn.GRU(2, 3, batch_first=True).double()
    halves = batch(4, 3, 2).split(2)
    with watch(rnn, {"": all_three()}) as watched:
        for half in halves:
            rnn(half)
            (watched.penalty() / 2).backward()
        accumulated = [p.grad.clone() for p in rnn.parameters() if p.grad is not None]
        for half in halves:
            rnn(half)
        whole = gradients(watched.penalty(), rnn)
    torch.testing.assert_close(accumulated, whole)  # halves of one size: the mean of means


def test_under_autocast_the_penalty_is_in_float32() -> None:
    model = LanguageModel(p=0.0)
    with watch(model, {"rnns.1": all_three()}) as watched:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            seen: list[Tensor] = []
            handle = model.rnns[1].register_forward_hook(lambda m, i, o: seen.append(o[0]))
            model(torch.randn(3, 4, 2))
            handle.remove()
            penalty = watched.penalty()
        penalty.backward()
    assert seen[0].dtype == torch.bfloat16
    assert penalty.dtype == torch.float32
    torch.testing.assert_close(penalty.double(), by_loops(seen[0].detach()), rtol=1e-6, atol=0)
    assert model.rnns[0].weight_ih_l0.grad is not None
