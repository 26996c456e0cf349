"""A watch that would read nothing, or the wrong thing, says so and says what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    TemporalActivationRegularization,
    watch,
)
from tests.penalties.watched_models import LanguageModel, TanhRNN, all_three, gradients


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        yield


def test_a_penalty_without_a_call_says_what_to_do() -> None:
    model = LanguageModel()
    penalties = {"rnns.1": all_three(), "output_dropout": [ActivationRegularization(1.0)]}
    with watch(model, penalties) as watched:
        with pytest.raises(RuntimeError, match=r"'rnns.1' was not called.*forward first"):
            watched.penalty()
        model.rnns[1](torch.randn(2, 3, 3))
        with pytest.raises(RuntimeError, match="'output_dropout' was not called"):
            watched.penalty()
        model(torch.randn(2, 3, 2))
        watched.penalty()
        with pytest.raises(RuntimeError, match="not called"):
            watched.penalty()


def test_training_without_a_gradient_is_refused_until_it_is_forgotten() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    with watch(model, {"": all_three()}) as watched:
        with torch.no_grad():
            model(torch.randn(2, 3, 2))
        with pytest.raises(RuntimeError, match=r"has no gradient.*use_reentrant=False"):
            watched.penalty()
        watched.forget()
        model(torch.randn(2, 3, 2))
        watched.penalty()
        model.requires_grad_(False)
        model(torch.randn(2, 3, 2))
        with pytest.raises(RuntimeError, match="frozen"):
            watched.penalty()


def test_outputs_changed_in_place_are_refused_where_their_values_are_needed() -> None:
    for penalty in (ActivationRegularization(1.0), NormStabilizer(1.0)):
        model = nn.Sequential(TanhRNN()).double()
        with watch(model, {"0": [penalty]}, batch_first=True) as watched:
            out, _ = model(torch.randn(2, 3, 2, dtype=torch.float64))
            out.mul_(2)
            with pytest.raises(RuntimeError, match="'0' were changed in place"):
                watched.penalty().backward()


def test_tar_does_not_need_the_values_of_its_outputs_again() -> None:
    model = TanhRNN().double()
    with watch(model, {"": [TemporalActivationRegularization(1.0)]}, batch_first=True) as watched:
        x = torch.randn(2, 3, 2, dtype=torch.float64)
        model(x)
        expected = gradients(watched.penalty(), model)
        out, _ = model(x)
        out.mul_(2)
        torch.testing.assert_close(gradients(watched.penalty(), model), expected)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([3, 0]), "shortest length is 0"),
        (torch.tensor([-1, 2]), "shortest length is -1"),
        (torch.tensor([1.0, 2.0]), "float32"),
        (torch.tensor([[1, 2]]), r"int64 of shape \(1, 2\)"),
        (torch.tensor([True, False]), r"bool of shape \(2,\)"),
        (torch.tensor([1 + 1j]), "complex64"),
        ([3, 2], "are a list; give a tensor"),
    ],
)
def test_lengths_that_are_none_are_refused(lengths: Any, message: str) -> None:
    with (
        watch(nn.GRU(2, 3), {"": all_three()}) as watched,
        pytest.raises(ValueError, match=message),
    ):
        watched.set_lengths(lengths)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([4, 2]), "returned 3 steps, but the longest length set is 4"),
        (torch.tensor([1, 2, 3]), r"2 rows of 3 steps.*shape \(3,\)"),
        (torch.ones(2, 4, dtype=torch.bool), r"mask \(2, 3\)"),
    ],
)
def test_lengths_that_do_not_fit_the_outputs_are_refused(
    lengths: Tensor, message: str, training: bool
) -> None:
    model = nn.GRU(2, 3, batch_first=True).train(training)
    with watch(model, {"": all_three()}) as watched:
        watched.set_lengths(lengths)
        with pytest.raises(ValueError, match=message):
            model(torch.randn(2, 3, 2))


@pytest.mark.parametrize(
    "output",
    [
        torch.zeros(2, 3, 4, dtype=torch.int64),
        torch.zeros(2, 3, 4, dtype=torch.complex64),
        torch.zeros(2, 3, 4, 5),
        {"out": torch.zeros(2, 3, 4)},
        (),
    ],
)
def test_outputs_that_are_no_states_are_refused(output: object) -> None:
    class Returns(nn.Module):
        batch_first = True

        def forward(self, x: object) -> object:
            return x

    model = Returns()
    with watch(model, {"": all_three()}), pytest.raises(ValueError, match="returned a"):
        model(output)


class Decoder(nn.Module):
    """Goes on step by step, as one that reads what it wrote."""

    def __init__(self, by_name: bool) -> None:
        super().__init__()
        self.rnn = nn.GRU(2, 3, batch_first=True)
        self.by_name = by_name

    def forward(self, x: Tensor) -> None:
        state = None
        for step in x.split(1, dim=1):
            _, state = self.rnn(step, hx=state) if self.by_name else self.rnn(step, state)


@pytest.mark.parametrize("by_name", [False, True])
def test_a_module_that_is_called_step_by_step_is_refused(by_name: bool) -> None:
    for penalty in (TemporalActivationRegularization(1.0), NormStabilizer(1.0)):
        model = Decoder(by_name)
        with watch(model, {"rnn": [penalty]}) as watched:
            model(torch.randn(2, 4, 2))
            with pytest.raises(RuntimeError, match="'rnn' was called 4 times with a single step"):
                watched.penalty()
            watched.forget()
            model(torch.randn(2, 1, 2))
            watched.penalty()  # one call is a batch of short rows


def test_ar_needs_no_steps_and_rows_of_one_step_no_state() -> None:
    decoder, rnn = Decoder(by_name=False), nn.GRU(2, 3, batch_first=True)
    with watch(decoder, {"rnn": [ActivationRegularization(1.0)]}) as watched:
        decoder(torch.randn(2, 4, 2))
        assert watched.penalty() > 0
    with watch(rnn, {"": [NormStabilizer(1.0)]}) as watched:
        for _ in range(2):  # micro-batches
            rnn(torch.randn(2, 1, 2))
        assert watched.penalty() == 0


def test_a_dropout_at_two_places_is_refused() -> None:
    dropout = nn.Dropout(0.5)
    model = nn.ModuleDict({"rnn": nn.GRU(2, 3, batch_first=True), "dropout": dropout})
    with watch(model, {"dropout": [ActivationRegularization(1.0)]}) as watched:
        x = dropout(torch.randn(2, 4, 2, requires_grad=True))
        with pytest.raises(ValueError, match=r"2 units in one call and 3 in another.*of its own"):
            dropout(model["rnn"](x)[0])
        watched.forget()


def test_a_cell_is_refused() -> None:
    model = nn.Sequential(nn.GRUCell(2, 3))
    with (
        watch(model, {"0": all_three()}, batch_first=True),
        pytest.raises(ValueError, match="For cells, stack the states"),
    ):
        model(torch.randn(2, 2))
