"""The three dropouts: of the same kind as fastai's, mask by mask."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from steadfit.kernels.masks import keep_mask
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.dropout import embedding_dropout, locked_dropout
from steadfit.models.recurrent import AWDLSTM
from tests.conformance.peer import AskPeer

P, SHAPE, WORDS = 0.3, (6, 40, 50), 60
TOKENS = torch.arange(6 * 40).reshape(6, 40) % WORDS


@pytest.fixture(scope="module")
def sides(ask_fastai: AskPeer) -> dict[str, dict[str, Tensor]]:
    torch.manual_seed(0)
    settings = {"p": P, "shape": SHAPE, "words": WORDS, "seed": 3}
    ours = {
        "locked": locked_dropout(torch.ones(SHAPE), P, True),
        "embedding": embedding_dropout(torch.ones(WORDS, SHAPE[2]), TOKENS, P, True, 1),
        "weight": keep_mask((4 * SHAPE[2], SHAPE[2]), P, torch.ones(1), None),
    }
    return {"ours": ours, "fastai": ask_fastai("dropouts", {"tokens": TOKENS}, **settings).arrays}


@pytest.mark.parametrize("side", ["ours", "fastai"])
@pytest.mark.parametrize("kind", ["locked", "embedding", "weight"])
def test_a_mask_is_zero_or_one_by_one_minus_p(
    side: str, kind: str, sides: dict[str, dict[str, Tensor]]
) -> None:
    values = sides[side][kind]
    kept = values != 0
    torch.testing.assert_close(values[kept], torch.full_like(values[kept], 1 / (1 - P)))
    numbers = {"locked": 6 * 50, "embedding": WORDS, "weight": 4 * 50 * 50}[kind]
    share = 1 - float(kept.float().mean())
    assert abs(share - P) < 4 * (P * (1 - P) / numbers) ** 0.5


@pytest.mark.parametrize("side", ["ours", "fastai"])
def test_each_mask_has_one_number_where_it_should(
    side: str, sides: dict[str, dict[str, Tensor]]
) -> None:
    locked, embedding = sides[side]["locked"], sides[side]["embedding"]
    assert (locked == locked[:, :1]).all(), "a unit's fate changes in time"
    assert len(locked[:, 0].unique(dim=0)) == len(locked), "rows share a mask"
    assert (embedding == embedding[:, :, :1]).all(), "a word is dropped in part"
    for word in range(WORDS):
        fates = embedding[word == TOKENS]
        assert (fates == fates[0]).all(), "a word is dropped at one place and not at another"


def test_dropped_recurrent_weights_are_trained_on_both_sides(
    sides: dict[str, dict[str, Tensor]],
) -> None:
    # fastai2 pull request 427: the weights behind the dropout had no gradient.
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 9, 1.0, {"emb_sz": 4, "n_hid": 5})
    model = AWDLSTM(config).train()
    model(torch.randint(0, 9, (2, 6))).hidden.sum().backward()
    for gradient in (
        sides["fastai"]["raw_gradient"],
        *(layer.get_parameter("weight_hh_l0").grad for layer in model.rnns),
    ):
        assert gradient is not None
        assert gradient.abs().max() > 0
