"""Curves do not depend on how a sequence is cut, and nothing but them is kept."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from steadfit.penalties import (
    NormCurves,
    RecurrentRun,
    curves_beyond,
    norm_changes_by_step,
    norms_by_step,
    saturation_by_step,
    zeros_by_step,
)

ROWS, TIME, INPUTS = 3, 23, 2


def network(seed: int = 0) -> nn.RNN:
    """A ReLU network in float64: its states hold zeros and values above the threshold."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.RNN(INPUTS, 5, nonlinearity="relu", batch_first=True).double()


def sequence(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(ROWS, TIME, INPUTS, generator=generator, dtype=torch.float64)


def mean_square(h: Tensor, begin: int) -> Tensor:
    """A score that depends on the place of the step."""
    return h.square().mean(dim=2) + torch.arange(begin, begin + h.shape[1])


def assert_same(found: NormCurves, expected: NormCurves) -> None:
    for name in NormCurves._fields:
        a, b = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, equal_nan=True, msg=name)


@given(window=st.integers(1, TIME + 3), seed=st.integers(0, 50))
def test_curves_are_those_of_the_sequence_in_one_piece_whatever_the_window(
    window: int, seed: int
) -> None:
    rnn, x = network(seed), sequence(seed)
    h = rnn(x)[0].detach()
    expected = NormCurves(
        norms_by_step(h),
        norm_changes_by_step(h),
        saturation_by_step(h),
        zeros_by_step(h),
        mean_square(h, 0).mean(0),
    )
    assert_same(curves_beyond(rnn, x, window=window, score=mean_square), expected)


def test_windows_from_an_iterable_may_differ_in_length() -> None:
    rnn, x = network(), sequence()
    windows = (x[:, a:b] for a, b in [(0, 4), (4, 5), (5, TIME)])
    assert_same(
        curves_beyond(rnn, windows, score=mean_square), curves_beyond(rnn, x, score=mean_square)
    )


def test_a_run_begins_from_the_state_it_is_given() -> None:
    rnn, x = network(), sequence()
    state = rnn(x[:, :9])[1]
    found = curves_beyond(rnn, x[:, 9:], state=state)
    torch.testing.assert_close(found.norm, curves_beyond(rnn, x).norm[9:])


def test_rows_that_stand_second_in_a_module_are_still_rows() -> None:
    rnn, x = network(), sequence()
    turned = nn.RNN(INPUTS, 5, nonlinearity="relu").double()
    turned.load_state_dict(rnn.state_dict())
    assert_same(curves_beyond(turned, x, window=4), curves_beyond(rnn, x, window=4))


class Carried(NamedTuple):
    hidden: Tensor
    more: dict[str, list[Tensor]]


def test_states_are_dropped_and_what_is_carried_has_no_graph() -> None:
    # This run turns gradients on by itself: uncut, its graph would grow with every window.
    weight = torch.ones((), requires_grad=True)
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    @torch.enable_grad()
    def run(x: Tensor, state: Carried | None) -> tuple[Tensor, Carried]:
        nonlocal most
        if state is not None:
            assert isinstance(state, Carried)
            carried = [state.hidden, *state.more["list"]]
            assert all(not one.requires_grad and one.grad_fn is None for one in carried)
        h = weight * x
        alive.append(weakref.ref(h))
        most = max(most, sum(one() is not None for one in alive))
        return h, Carried(h[:, -1], {"list": [h[:, -1]]})

    curves = curves_beyond(run, sequence(), window=1)
    assert most <= 2  # this window's, and the one before while it is replaced
    assert not any(curve.requires_grad for curve in curves if curve is not None)


def test_windows_are_read_one_at_a_time() -> None:
    read: list[int] = []
    seen: list[int] = []

    def windows() -> Iterator[Tensor]:
        for number in range(5):
            read.append(number)
            yield torch.ones(1, 2, 3)

    def run(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        seen.append(len(read))
        return x, state

    assert len(curves_beyond(run, windows()).norm) == 10
    assert seen == [1, 2, 3, 4, 5]


def test_modules_are_evaluated_and_come_back_in_the_mode_they_were_in() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Dropout(0.5).eval()
            self.dropout = nn.Dropout(0.5)

        def run(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
            assert not torch.is_grad_enabled()
            return self.dropout(self.frozen(x)), state

    model = Model()
    found = curves_beyond(model.run, torch.ones(2, 4, 9))
    assert found.norm.tolist() == [3.0] * 4
    assert model.training
    assert model.dropout.training
    assert not model.frozen.training

    embedding = nn.Sequential(nn.Dropout(0.5))
    wrapped = RecurrentRun(network().float(), embedding)
    x = sequence().float()
    again = curves_beyond(wrapped, x).norm
    torch.testing.assert_close(again, curves_beyond(wrapped, x).norm, rtol=0, atol=0)
    assert embedding.training


def test_modes_come_back_after_an_error_too() -> None:
    rnn = network()
    with pytest.raises(RuntimeError):
        curves_beyond(rnn, torch.zeros(1, 4, INPUTS + 1, dtype=torch.float64))
    assert rnn.training


def test_the_ratio_divides_the_norm_at_a_late_step_by_that_at_an_early_one() -> None:
    def doubling(x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h = torch.ones(2, 1, 3) if state is None else 2 * state
        return h, h

    curves = curves_beyond(doubling, torch.zeros(2, 9, 1), window=1)
    assert curves.ratio(3, 9) == pytest.approx(64)
    assert curves.norm.dtype == torch.float32
    for steps in [(0, 5), (5, 10), (-1, 5)]:
        with pytest.raises(ValueError, match="steps 1 to 9"):
            curves.ratio(*steps)


def test_a_run_that_diverges_is_measured_to_the_end() -> None:
    def growing(x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h = torch.ones(1, 1, 2) if state is None else 1e10 * state
        return h, h

    curves = curves_beyond(growing, torch.zeros(1, 8, 1), window=1)
    assert curves.norm[0].item() == pytest.approx(math.sqrt(2))
    assert math.isinf(curves.norm[-1].item())


@pytest.mark.parametrize(
    ("inputs", "arguments", "message"),
    [
        (torch.zeros(2, 5, INPUTS), {"window": 0}, "1 or more"),
        (torch.zeros(2, 5, INPUTS), {"window": 2.5}, "1 or more"),
        (torch.zeros(2, 0, INPUTS), {}, r"\(2, 0, 2\)"),
        (torch.zeros(0, 5, INPUTS), {}, "one row"),
        (torch.zeros(5), {}, r"\(rows, time"),
        ([torch.zeros(2, 5, INPUTS)], {"window": 5}, "windows already"),
        ([], {}, "no inputs"),
        ([torch.zeros(2, 5, INPUTS), torch.zeros(1, 5, INPUTS)], {}, "rows"),
        ([torch.zeros(2, 5, INPUTS), torch.zeros(2, 0, INPUTS)], {}, "window 1"),
        (pack_sequence([torch.zeros(5, INPUTS)]), {}, "packed"),
        (torch.zeros(2, 5, INPUTS), {"threshold": 0}, "above zero"),
        (torch.zeros(2, 5, INPUTS), {"score": lambda h, begin: h}, r"\(2, 5\)"),
        (torch.zeros(2, 5, INPUTS), {"score": lambda h, begin: 1.0}, "float"),
    ],
)
def test_inputs_that_cannot_be_run_are_refused(inputs, arguments, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        curves_beyond(lambda x, state: (x, state), inputs, **arguments)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.zeros(2, 5, 3), "returned Tensor"),
        ((torch.zeros(2, 5, 3),), "returned tuple"),
        ((None, None), "returned tuple"),
        ((torch.zeros(5, 3), None), r"\(5, 3\)"),
        ((torch.zeros(2, 5, 3, dtype=torch.complex64), None), "complex64"),
        ((torch.zeros(2, 5, 3, dtype=torch.int64), None), "int64"),
    ],
)
def test_what_a_run_should_not_return_is_refused(returned: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        curves_beyond(lambda x, state: returned, torch.zeros(2, 5, 3))
