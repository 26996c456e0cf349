from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Generator

from steadfit.kernels.masks import bit_mask

WORD = 2**32 - 1
Four = tuple[int, int, int, int]


def philox(counter: Four, key: tuple[int, int]) -> Four:
    """Compute Philox 4 x 32 with ten rounds as the paper's figure 3 and table 2 have it."""
    left, right, other_left, other_right = counter
    low, high = key
    for _ in range(10):
        first, second = left * 0xD2511F53, other_left * 0xCD9E8D57
        left, right, other_left, other_right = (
            second >> 32 ^ right ^ low,
            second & WORD,
            first >> 32 ^ other_right ^ high,
            first & WORD,
        )
        low, high = (low + 0x9E3779B9) & WORD, (high + 0xBB67AE85) & WORD
    return left, right, other_left, other_right


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_slow_philox_gives_the_known_answers(
    counter: Four, key: tuple[int, int], expected: Four
) -> None:
    assert philox(counter, key) == expected


def slow_bits(seed: int, words: int, p: float) -> list[int]:
    """Return the words of a mask; each pair of them is made of 16 counters."""
    limit = min(round((1 - p) * 2**32), WORD)
    bits = []
    for pair in range((words + 1) // 2):
        drawn = [
            philox((16 * pair + lane, 0, 0, 0), (seed & WORD, seed >> 32)) for lane in range(16)
        ]
        halves = [
            sum((numbers[i] < limit) << lane for lane, numbers in enumerate(drawn))
            for i in range(4)
        ]
        bits += [halves[0] | halves[1] << 16, halves[2] | halves[3] << 16]
    return bits[:words]


@pytest.mark.usefixtures("native")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 70),
    p=st.floats(0, 0.99),
    seed=st.integers(0, 2**40),
)
@example(rows=1, columns=1, p=0.0, seed=0)
@example(rows=3, columns=96, p=0.5, seed=1)
def test_bits_are_those_of_philox_for_the_seed_that_the_generator_gives(
    rows: int, columns: int, p: float, seed: int
) -> None:
    mask = bit_mask(rows, columns, p, Generator().manual_seed(seed))
    drawn = int(torch.randint(2**62, (), generator=Generator().manual_seed(seed)))
    words = rows * -(-columns // 32)
    expected = slow_bits(drawn, words, p)
    assert [int(word) & WORD for word in mask.bits.flatten()] == expected
    assert mask.scale == 1 / (1 - p)
    dense = mask.dense(columns)
    assert dense.shape == (rows, columns)
    row, column = rows - 1, columns - 1
    bit = expected[row * -(-columns // 32) + column // 32] >> column % 32 & 1
    assert dense[row, column] == torch.tensor(bit * mask.scale)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("p", [0.02, 0.25, 0.5, 0.9])
def test_a_mask_keeps_the_mean_in_rows_and_in_columns(p: float) -> None:
    mask = bit_mask(400, 400, p, Generator().manual_seed(1)).dense(400)
    assert set(mask.unique().tolist()) == {0.0, float(torch.tensor(1 / (1 - p)))}
    kept = (mask != 0).double()
    spread = (p * (1 - p)) ** 0.5
    assert abs(float(kept.mean()) - (1 - p)) < 4 * spread / 400
    for dim in (0, 1):
        assert float((kept.mean(dim) - (1 - p)).abs().max()) < 5 * spread / 400**0.5


@pytest.mark.usefixtures("native")
def test_a_mask_does_not_depend_on_the_number_of_threads(on_threads: Any) -> None:
    masks = []
    for count in (1, 2, 3, 16):
        with on_threads(count):
            masks.append(bit_mask(33, 65, 0.4, Generator().manual_seed(2)).bits)
    assert all(torch.equal(mask, masks[0]) for mask in masks)


@pytest.mark.usefixtures("native")
def test_other_seeds_and_later_calls_give_other_masks_and_no_other_generator_is_touched() -> None:
    before = torch.get_rng_state()
    one = Generator().manual_seed(1)
    masks = [bit_mask(8, 64, 0.5, one).bits for _ in range(3)]
    masks.append(bit_mask(8, 64, 0.5, Generator().manual_seed(2)).bits)
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == len(masks)
    assert torch.equal(bit_mask(8, 64, 0.5, Generator().manual_seed(1)).bits, masks[0])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(bit_mask(8, 64, 0.5, None).bits, masks[0])
