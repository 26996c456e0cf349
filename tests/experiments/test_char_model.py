"""The model of characters is trained and judged as a loop written by hand does it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from experiments._char_model import (
    CharacterModel,
    Training,
    _penalty,
    bits_per_character,
    train,
)
from experiments._characters import Characters, pieces

PENALISED = Training(updates=4, rows=3, time=7, norm=40.0, warm=3, alpha=2.0, beta=3.0, clip=0.2)
FREE = replace(PENALISED, carry=False, clip=None, warm=0)


def penalties(h: Tensor, alpha: float, beta: float, norm: float) -> Tensor:
    rows, time, _ = h.shape
    total = alpha * (h * h).mean()
    total = total + beta * ((h[:, 1:] - h[:, :-1]) ** 2).mean()
    norms = [[(h[b, t] ** 2).sum().sqrt() for t in range(time)] for b in range(rows)]
    changes = [(row[t] - row[t - 1]) ** 2 for row in norms for t in range(1, time)]
    return total + norm * torch.stack(changes).mean()


@pytest.mark.parametrize(
    ("alpha", "beta", "norm"), [(2.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 50.0), (1, 2, 3)]
)
def test_penalties_are_the_papers_formulas(alpha: float, beta: float, norm: float) -> None:
    h = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    found = _penalty(h, Training(1, alpha=alpha, beta=beta), norm)
    torch.testing.assert_close(found, penalties(h, alpha, beta, norm))


@pytest.mark.parametrize("cell", ["tanh", "irnn"])
@pytest.mark.parametrize("how", [PENALISED, FREE], ids=["carried", "from zeros"])
def test_training_is_a_plain_loop(cell: str, how: Training, characters: Characters) -> None:
    generator = torch.Generator().manual_seed(8)
    model = CharacterModel(cell, characters.symbols, 6, generator)
    optimizer = torch.optim.Adam(model.parameters(), how.lr)
    state = None
    rows = characters.train[: 3 * (1_999 // 3)].view(3, -1)
    for done in range(how.updates):
        optimizer.param_groups[0]["lr"] = how.lr * min(1, (4 - done) / 1.2)
        if how.carry:
            inputs, targets = rows[:, 7 * done :][:, :7], rows[:, 7 * done + 1 :][:, :7]
        else:
            inputs, targets = pieces(characters.train, 3, 7, generator)
        hidden, after = model(inputs, state)
        if how.carry:
            state = torch.utils._pytree.tree_map(Tensor.detach, after)
        logits = model.decoder(hidden)
        norm = how.norm * min(1, done / how.warm) if how.warm else how.norm
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        (loss + penalties(hidden, how.alpha, how.beta, norm)).backward()
        if how.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), how.clip)
        optimizer.step()
    trained = train(cell, 6, 8, characters, how)
    assert trained.figures["diverged"] is None
    for found, wanted in zip(trained.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "irnn", "tanh"])
def test_bits_per_character_are_those_of_one_pass_over_whole_rows(
    cell: str, characters: Characters
) -> None:
    model = CharacterModel(cell, characters.symbols, 8, torch.Generator().manual_seed(2))
    part = characters.train[:1_803]
    inputs = part[:1_800].view(4, 450)
    targets = part[1:1_801].view(4, 450)
    hidden, _ = model(inputs)
    chances = torch.softmax(model.decoder(hidden).double(), dim=-1)
    of_targets = chances.gather(2, targets.unsqueeze(2))
    wanted = -of_targets.log2().mean().item()
    assert bits_per_character(model, part, rows=4) == pytest.approx(wanted, rel=1e-4)
    assert wanted > math.log2(9) - 0.1  # the symbols were drawn at random


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_gives_the_same_model_again_and_another_seed_another(
    seed: int, characters: Characters
) -> None:
    how = replace(PENALISED, updates=2)
    first, again = (train("lstm", 4, seed, characters, how).model for _ in range(2))
    other = train("lstm", 4, seed + 1, characters, how).model
    assert torch.equal(first.decoder.weight, again.decoder.weight)
    assert not torch.equal(first.decoder.weight, other.decoder.weight)


def test_a_gradient_that_is_no_number_ends_the_training(characters: Characters) -> None:
    how = Training(updates=50, rows=4, time=20, optimizer="sgd", lr=1e30, clip=None)
    found = train("irnn", 4, 0, characters, how).figures
    assert set(found) == {"diverged"}
    assert 1 < found["diverged"] < 50


def test_the_text_is_read_again_where_it_ends(characters: Characters) -> None:
    how = Training(updates=70, rows=32, time=1, lr=1e-3)  # its rows are 62 windows long
    assert train("tanh", 4, 0, characters, how).figures["diverged"] is None
