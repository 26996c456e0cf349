"""AR and TAR: fastai's values and gradients where its guard is right, and where it is not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from steadfit.penalties import activation_regularization, temporal_activation_regularization
from tests.conformance.peer import GRADIENTS, OUTPUTS, AskPeer, difference


def states(batch: int, time: int, units: int = 5) -> dict[str, Tensor]:
    return {name: torch.randn(batch, time, units) for name in ("dropped", "hidden")}


@pytest.mark.parametrize(("batch", "time"), [(2, 2), (3, 7), (7, 3), (48, 70)])
def test_values_and_gradients_are_fastais(ask_fastai: AskPeer, batch: int, time: int) -> None:
    arrays = states(batch, time)
    fastais = ask_fastai("penalties", arrays, alpha=2.0, beta=1.0).arrays
    dropped, hidden = (arrays[name].requires_grad_() for name in ("dropped", "hidden"))
    value = activation_regularization(dropped, 2.0) + temporal_activation_regularization(
        hidden, 1.0
    )
    value.backward()
    assert difference(value, fastais["value"]) <= OUTPUTS
    assert dropped.grad is not None
    assert hidden.grad is not None
    assert difference(dropped.grad, fastais["gradient.dropped"]) <= GRADIENTS
    assert difference(hidden.grad, fastais["gradient.hidden"]) <= GRADIENTS


def test_both_find_what_pen_and_paper_find(ask_fastai: AskPeer) -> None:
    h = torch.tensor([[[1.0], [2.0], [4.0]], [[0.0], [0.0], [0.0]]])
    for alpha, beta, expected in ((2.0, 0.0, 2 * 21 / 6), (0.0, 1.0, 5 / 4)):
        fastais = ask_fastai("penalties", {"dropped": h, "hidden": h}, alpha=alpha, beta=beta)
        ours = activation_regularization(h, alpha) + temporal_activation_regularization(h, beta)
        assert float(fastais.arrays["value"]) == pytest.approx(expected)
        assert float(ours) == pytest.approx(expected)


def test_fastais_tar_is_zero_for_one_row_and_ours_is_not(ask_fastai: AskPeer) -> None:
    # Its guard asks whether there are two rows, where it means two steps.
    arrays = states(batch=1, time=9)
    fastais = ask_fastai("penalties", arrays, beta=1.0).arrays["value"]
    twice = {name: value.repeat(2, 1, 1) for name, value in arrays.items()}
    ours = temporal_activation_regularization(arrays["hidden"], 1.0)
    assert float(fastais) == 0
    assert difference(ours, ask_fastai("penalties", twice, beta=1.0).arrays["value"]) <= OUTPUTS


def test_fastais_tar_is_nan_for_one_step_and_ours_is_zero(ask_fastai: AskPeer) -> None:
    arrays = states(batch=3, time=1)
    assert math.isnan(ask_fastai("penalties", arrays, beta=1.0).arrays["value"])
    assert float(temporal_activation_regularization(arrays["hidden"], 1.0)) == 0


def test_fastais_value_counts_padding_and_ours_does_not(ask_fastai: AskPeer) -> None:
    arrays = states(batch=2, time=6)
    padded = {name: torch.cat([v, torch.zeros(2, 6, 5)], dim=1) for name, v in arrays.items()}
    lengths = torch.tensor([6, 6])
    for name, alpha, beta, penalty in (
        ("dropped", 2.0, 0.0, activation_regularization),
        ("hidden", 0.0, 1.0, temporal_activation_regularization),
    ):
        plain = ask_fastai("penalties", arrays, alpha=alpha, beta=beta).arrays["value"]
        diluted = ask_fastai("penalties", padded, alpha=alpha, beta=beta).arrays["value"]
        ours = penalty(padded[name], alpha or beta, lengths)
        assert difference(ours, plain) <= OUTPUTS
        assert difference(diluted, plain) > 0.1
