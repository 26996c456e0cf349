"""A softmax over a part of the vocabulary: unbiased sums, and the whole one where it is all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from steadfit.core.errors import DataError
from steadfit.data.lm_stream import LMBatch
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.training.objective import LanguageModelObjective
from steadfit.training.penalty_terms import Penalties
from steadfit.training.sampled_softmax import SampledSoftmax

WORDS = 60
COUNTS = 1000 / np.arange(1, WORDS + 1)  # Zipf's law


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def targets(seed: int, rows: int = 4, steps: int = 8) -> torch.Tensor:
    chances = torch.from_numpy(COUNTS / COUNTS.sum())
    return torch.multinomial(chances, rows * steps, True, generator=draw(seed)).view(rows, steps)


def decoder() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(6, WORDS).double()


@pytest.mark.parametrize(("common", "drawn"), [(WORDS, 1), (10, WORDS)])
def test_with_all_words_it_is_the_plain_cross_entropy_with_its_gradients(
    common: int, drawn: int
) -> None:
    outputs = torch.randn(4, 8, 6, dtype=torch.float64, generator=draw(1), requires_grad=True)
    found, plain = decoder(), decoder()
    wanted = targets(2)
    loss = SampledSoftmax(COUNTS, common, drawn)(found, outputs, wanted, draw(3))
    loss.backward()
    gradient, outputs.grad = outputs.grad, None
    by_hand = cross_entropy(plain(outputs).flatten(0, 1), wanted.flatten(), reduction="sum")
    by_hand.backward()
    torch.testing.assert_close(loss, by_hand, check_dtype=False)
    torch.testing.assert_close(gradient, outputs.grad)
    torch.testing.assert_close(found.weight.grad, plain.weight.grad)
    torch.testing.assert_close(found.bias.grad, plain.bias.grad)


def test_a_sum_over_candidates_by_their_chances_is_on_average_the_sum_over_all_words() -> None:
    # Horvitz & Thompson (1952): the chances are right if, and only if, no word is over-counted.
    sampled = SampledSoftmax(COUNTS, common=5, drawn=9)
    times = 4_000
    often = torch.zeros(WORDS, dtype=torch.float64)
    for seed in range(times):
        wanted = targets(seed)
        words = sampled.candidates(wanted, draw(seed + times))
        often[words] += 1 / sampled.chances(words, wanted.numel())
    # Each mean has a standard error of at most sqrt(1 / chance - 1) / sqrt(times), about 0.035.
    assert (often / times - 1).abs().max() < 5 * 0.035
    assert abs(float(often.mean()) / times - 1) < 0.01


def test_candidates_are_sorted_and_hold_the_common_words_the_targets_and_those_drawn() -> None:
    sampled = SampledSoftmax(COUNTS, common=5, drawn=9)
    wanted = targets(0)
    words = sampled.candidates(wanted, draw(1))
    assert (words.diff() > 0).all()
    assert {*range(5), *wanted.flatten().tolist()} <= {*words.tolist()}
    assert len({*words.tolist()} - {*range(5)}) >= 9
    assert sampled.candidates(wanted, draw(1)).equal(words)
    assert not sampled.candidates(wanted, draw(2)).equal(words)


def test_words_that_are_no_candidates_get_no_gradient() -> None:
    sampled, layer = SampledSoftmax(COUNTS, common=5, drawn=9), decoder()
    outputs = torch.randn(4, 8, 6, dtype=torch.float64, generator=draw(1))
    words = sampled.candidates(targets(2), draw(3))
    sampled(layer, outputs, targets(2), draw(3)).backward()
    left_out = torch.ones(WORDS, dtype=torch.bool)
    left_out[words] = False
    assert left_out.any()
    assert layer.weight.grad[left_out].abs().max() == 0
    assert (layer.weight.grad[words].abs().sum(dim=1) > 0).all()


def test_an_objective_trains_on_a_part_and_judges_with_the_whole() -> None:
    sizes = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, WORDS, 1.0, sizes)
    model = LanguageModel(config, draw(0)).eval()
    whole = LanguageModelObjective(model, Penalties())
    part = LanguageModelObjective(model, Penalties(), SampledSoftmax(COUNTS, 5, 9))
    assert whole.settings() == {}
    told = part.settings()["sampled"]
    assert (told["common"], told["drawn"]) == (5, 9)
    assert SampledSoftmax(COUNTS, 5, 9).settings() == told
    assert SampledSoftmax(COUNTS[::-1], 5, 9).settings() != told
    assert [*part.state_dict()] == [*whole.state_dict()]
    batch = LMBatch(targets(1), targets(2))
    assert part.score(batch, None).losses.equal(whole.score(batch, None).losses)
    sizes_of = whole.sizes(batch)
    assert part(batch, None, sizes_of, draw(0)).loss != whole(batch, None, sizes_of, draw(0)).loss


@pytest.mark.parametrize(
    ("counts", "common", "drawn"),
    [([], 1, 1), ([0, 0], 1, 1), ([1, -1], 1, 1), ([[1, 2]], 1, 1), ([1, 2], -1, 1), ([1], 1, 0)],
)
def test_counts_and_numbers_that_are_none_are_refused(
    counts: list[float], common: int, drawn: int
) -> None:
    with pytest.raises(DataError):
        SampledSoftmax(counts, common, drawn)
