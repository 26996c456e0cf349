"""Far beyond the windows: the same characters are compared, and what is zero is no ratio."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from experiments._beyond import curves, evenly, norm_ratio, paired_bits, thinned
from experiments._char_model import CharacterModel
from experiments._characters import Characters
from steadfit.core.errors import DataError
from steadfit.penalties.beyond import NormCurves


class Counting:
    """Costs each target its own bits, and a quarter more once a thousand steps were read nearly."""

    decoder = None

    def __call__(self, inputs: Tensor, state: int | None) -> tuple[Tensor, int]:
        read = state or 0
        ages = torch.arange(read + 1, read + inputs.shape[1] + 1).expand(inputs.shape)
        return ages, read + inputs.shape[1]

    def nats(self, ages: Tensor, targets: Tensor) -> Tensor:
        self.oldest = int(ages.max())
        return math.log(2) * (targets.double() + 0.25 * (ages > 900))


def curve_of(norm: Tensor, score: Tensor | None = None) -> NormCurves:
    return NormCurves(norm, norm, norm, norm, norm if score is None else score)


def test_bits_early_and_late_are_of_the_very_same_characters() -> None:
    part = torch.randint(0, 90, (4_000,), generator=torch.Generator().manual_seed(0))
    model = Counting()
    found = paired_bits(model, part, rows=7)  # type: ignore[arg-type]
    begins = [int(b) for b in torch.linspace(0, 4_000 - 1_020 - 1, 7)]
    steps = range(1_000 - 20 + 1, 1_000 + 20 + 1)
    costs = [int(part[begin + step]) for begin in begins for step in steps]
    assert found.early == pytest.approx(sum(costs) / len(costs), abs=1e-4)
    assert found.late - found.early == pytest.approx(0.25, abs=1e-4)
    assert found.standard_error == 0  # any two characters that differ would show here
    assert model.oldest == 70


def test_the_standard_error_is_over_rows() -> None:
    class Uneven(Counting):
        def nats(self, ages: Tensor, targets: Tensor) -> Tensor:
            row = torch.arange(len(ages)).unsqueeze(1)
            return math.log(2) * (row * (ages > 900)).double()

    part = torch.zeros(3_000, dtype=torch.int64)
    found = paired_bits(Uneven(), part, rows=4)  # type: ignore[arg-type]
    assert found.late - found.early == 1.5
    assert found.standard_error == round(math.sqrt(5 / 3) / 2, 4)


def test_rows_begin_evenly_from_the_first_character_to_the_last() -> None:
    inputs, targets = evenly(torch.arange(101), rows=3, time=20)
    assert inputs[:, 0].tolist() == [0, 40, 80]
    assert torch.equal(targets, inputs + 1)
    assert targets[-1, -1] == 100


def test_a_text_shorter_than_the_steps_is_told() -> None:
    assert len(evenly(torch.arange(21), rows=2, time=20)[0]) == 2
    with pytest.raises(
        DataError, match=r"20 characters are held out; 20 steps take 21\. .* 2 times as long"
    ):
        evenly(torch.arange(20), rows=2, time=20)


def test_the_ratio_is_of_means_around_both_steps() -> None:
    found = curve_of(torch.arange(1.0, 1_101.0))
    assert norm_ratio(found) == pytest.approx(1000.5 / 50.5, rel=1e-4)
    assert norm_ratio(found, 50, 1_075) == pytest.approx(1075.5 / 50.5, rel=1e-4)


def test_a_network_whose_state_is_zero_has_no_ratio(characters: Characters) -> None:
    model = CharacterModel("irnn", characters.symbols, 4, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in model.stack.parameters():
            parameter.zero_()
    found = curves(model, characters.train, rows=3, time=1_100)
    assert found.norm.tolist() == [0.0] * 1_100
    assert norm_ratio(found) is None


def test_curves_are_those_of_one_pass(characters: Characters) -> None:
    model = CharacterModel("tanh", characters.symbols, 4, torch.Generator().manual_seed(0))
    found = curves(model, characters.train, rows=3, time=500)
    inputs, targets = evenly(characters.train, 3, 500)
    with torch.no_grad():
        hidden, _ = model(inputs)
        chances = torch.softmax(model.decoder(hidden), dim=-1).gather(2, targets.unsqueeze(2))
    torch.testing.assert_close(found.norm, hidden.square().sum(-1).sqrt().mean(0))
    torch.testing.assert_close(found.score, -chances.squeeze(2).log2().mean(0))


def test_a_thinned_curve_is_of_means_over_steps_that_lie_ever_further_apart() -> None:
    norm = torch.arange(1.0, 1_001.0)
    kept = thinned(curve_of(norm, norm / 4))
    assert kept["step"][:3] == [1, 2, 3]
    gaps = [b - a for a, b in zip(kept["step"][:-1], kept["step"][1:], strict=True)]
    assert max(gaps[:20]) < min(gaps[-20:])
    # The curve's height is its step: the mean of a span of steps is the middle of the span.
    assert kept["norm"] == pytest.approx(kept["step"], rel=1e-3)
    assert kept["bpc"] == pytest.approx([step / 4 for step in kept["step"]], rel=1e-3)


def test_a_curve_that_overflows_is_kept_as_plain_json() -> None:
    kept = thinned(curve_of(torch.tensor([1.0, math.inf, math.nan])))
    assert json.loads(json.dumps(kept, allow_nan=False))["norm"] == [1.0, None, None]
