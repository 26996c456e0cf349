from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Generator

from steadfit.kernels.masks import keep_mask
from steadfit.models.dropout import dropout, embedding_dropout, locked_dropout, locked_mask


def test_locked_masks_are_zero_or_scaled_one_and_the_same_at_every_step() -> None:
    mask = locked_dropout(torch.ones(20, 6, 30), 0.2, training=True)
    assert set(mask.unique().tolist()) == {0.0, 1.25}
    assert torch.equal(mask, mask[:, :1].expand_as(mask))
    assert 0.1 < (mask == 0).float().mean() < 0.3
    assert len({tuple(row) for row in mask[:, 0].tolist()}) == 20  # a mask of its own each row


def test_embedding_dropout_drops_whole_words_at_all_their_places() -> None:
    weight = torch.rand(50, 8) + 1
    tokens = torch.randint(0, 50, (10, 30))
    got = embedding_dropout(weight, tokens, 0.4, training=True, padding_idx=1)
    factors = got / weight[tokens]
    torch.testing.assert_close(factors, factors[..., :1].expand_as(factors))
    for word in range(50):
        places = factors[tokens == word]
        assert len(places) == 0 or bool((places == 0).all()) or bool((places > 0).all())
    kept = factors[factors > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.6))
    assert 0 < (factors == 0).float().mean() < 0.8


def test_locked_dropout_multiplies_by_the_mask_that_locked_mask_draws() -> None:
    x = torch.rand(5, 6, 7)
    mask = locked_mask(x, 0.3, True, Generator().manual_seed(4))
    assert mask is not None
    assert mask.shape == (5, 7)
    dropped = locked_dropout(x, 0.3, True, Generator().manual_seed(4))
    for step in range(6):
        assert torch.equal(dropped[:, step], x[:, step] * mask)


def test_nothing_is_dropped_in_evaluation_or_at_zero() -> None:
    x, tokens = torch.randn(2, 3, 4), torch.tensor([[0, 1], [2, 0]])
    weight = torch.randn(3, 4)
    for p, training in ((0.5, False), (0.0, True)):
        assert torch.equal(locked_dropout(x, p, training), x)
        assert locked_mask(x, p, training) is None
        assert torch.equal(embedding_dropout(weight, tokens, p, training, 1), weight[tokens])


@pytest.mark.parametrize("p", [0.02, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_mask_keeps_the_mean(p: float, dtype: torch.dtype) -> None:
    n = 40_000
    mask = keep_mask((n,), p, torch.empty(0, dtype=dtype), Generator().manual_seed(1))
    assert mask.dtype == dtype
    kept = mask[mask != 0].double()
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=4e-3, atol=0)
    share = len(kept) / n
    assert abs(share - (1 - p)) < 4 * (p * (1 - p) / n) ** 0.5


def test_masks_come_from_the_generator_given_and_from_no_other() -> None:
    x, tokens = torch.ones(4, 5, 6), torch.arange(12).view(3, 4)
    weight = torch.ones(12, 6)
    before = torch.get_rng_state()
    for drop in (
        lambda generator: dropout(x, 0.5, True, generator),
        lambda generator: locked_dropout(x, 0.5, True, generator),
        lambda generator: embedding_dropout(weight, tokens, 0.5, True, 1, generator),
    ):
        one, other, next_one = (Generator().manual_seed(seed) for seed in (1, 1, 2))
        first = drop(one)
        assert torch.equal(first, drop(other))
        assert not torch.equal(first, drop(one)), "the second mask is the first"
        assert not torch.equal(first, drop(next_one)), "another seed gives the same mask"
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_masks_are_those_of_pytorch() -> None:
    x = torch.rand(7, 9)
    torch.manual_seed(3)
    expected = F.dropout(x, 0.3)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, 0.3, True), expected)
