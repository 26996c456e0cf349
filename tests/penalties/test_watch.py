"""What a watch makes of a module's outputs equals the plain loops over them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
    all_three,
    assert_same,
    batch,
    both_directions,
    by_loops,
    gradients,
)

LENGTHS = [4, 2, 3]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


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


@pytest.mark.usefixtures("bf16_lstm")
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


def test_a_penalty_can_be_differentiated_twice() -> None:
    model = nn.Sequential(nn.Identity())

    def penalty(h: Tensor) -> Tensor:
        with watch(model, {"0": all_three()}, batch_first=True) as watched:
            watched.set_lengths(torch.tensor([4, 2]))
            model(h)
            return watched.penalty()

    assert torch.autograd.gradgradcheck(penalty, batch(2, 4, 2).requires_grad_())
