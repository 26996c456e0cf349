"""Models draw their first weights and their masks from the generator they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from steadfit.kernels import lstm
from steadfit.models import dropout
from steadfit.models.classifier import Head, TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.initial import drawn
from steadfit.models.language_model import LanguageModel

SIZES = {"emb_sz": 6, "n_hid": 8, "n_layers": 3, "tie_weights": False}
TOKENS = torch.arange(28).view(4, 7) % 20
LENGTHS = torch.tensor([7, 3, 5, 7])


def language_model(generator: Generator | None = None) -> LanguageModel:
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, 20, overrides=SIZES)
    return LanguageModel(config, generator)


def classifier(generator: Generator | None = None) -> TextClassifier:
    # A window with gradient is read beside older ones without: masks are drawn for both.
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 20, overrides=SIZES)
    return TextClassifier(config, 2, bptt=2, grad_tokens=3, generator=generator)


def read(model: LanguageModel | TextClassifier, generator: Generator | None = None) -> Tensor:
    if isinstance(model, LanguageModel):
        return model(TOKENS, generator=generator).dropped
    return model(TOKENS, LENGTHS, generator=generator)


MAKERS = [language_model, classifier]
Maker = Callable[..., Any]


@pytest.mark.parametrize("make", MAKERS)
def test_first_weights_come_from_the_generator_and_from_no_other(make: Maker) -> None:
    before = torch.get_rng_state()
    one, same, other = (make(Generator().manual_seed(seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    differ = {name for name, value in one.items() if not torch.equal(value, other[name])}
    constant = {name for name in one if "head.0" in name or "head.4" in name}
    assert differ == one.keys() - constant - {"decoder.bias"}


@pytest.mark.parametrize("make", MAKERS)
def test_without_one_they_come_from_pytorchs_own(make: Maker) -> None:
    torch.manual_seed(8)
    shared = make().state_dict()
    own = make(Generator().manual_seed(8)).state_dict()
    assert all(torch.equal(value, own[name]) for name, value in shared.items())


@pytest.mark.parametrize(
    ("kind", "arguments", "settings"),
    [
        (nn.Embedding, (50, 7), {}),
        (nn.Linear, (9, 5), {}),
        (nn.Linear, (9, 5), {"bias": False}),
        (nn.LSTM, (6, 11), {"batch_first": True}),
    ],
)
def test_a_drawn_layer_is_the_one_that_pytorch_makes(
    kind: Any, arguments: tuple[int, ...], settings: dict[str, Any]
) -> None:
    torch.manual_seed(4)
    theirs = kind(*arguments, **settings)
    ours = drawn(kind, *arguments, generator=Generator().manual_seed(4), **settings)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=0)  # the bound may be rounded
        assert mine.requires_grad
        assert type(mine) is nn.Parameter


@pytest.mark.parametrize("make", MAKERS)
def test_all_masks_of_a_training_call_come_from_the_generator(make: Maker) -> None:
    model = make(Generator().manual_seed(0)).train()
    before = torch.get_rng_state()
    one = Generator().manual_seed(1)
    first = read(model, one)
    assert torch.equal(first, read(model, Generator().manual_seed(1)))
    assert not torch.equal(first, read(model, one))
    assert torch.equal(torch.get_rng_state(), before)
    model.eval()
    state = one.get_state()
    read(model, one)
    assert torch.equal(one.get_state(), state), "evaluation draws"


@pytest.mark.parametrize("make", MAKERS)
def test_no_two_masks_of_a_call_are_alike(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[Tensor] = []
    draw = dropout.keep_mask

    def noted(*arguments: Any) -> Tensor:
        masks.append(draw(*arguments))
        return masks[-1]

    monkeypatch.setattr(dropout, "keep_mask", noted)
    monkeypatch.setattr(lstm, "keep_mask", noted)
    read(make(Generator().manual_seed(0)).train(), Generator().manual_seed(5))
    # A reading: the embedding, its output, between three layers, three recurrent weights.
    reading, windows = 1 + 1 + 2 + 3, 4
    if make is language_model:
        assert len(masks) == reading + 1
    else:
        assert len(masks) > reading * windows + 2  # some windows are read in two parts
    large = [tuple((mask != 0).flatten()[:40].tolist()) for mask in masks if mask.numel() >= 40]
    assert len(large) >= 3
    assert len(set(large)) == len(large)


def test_a_head_computes_what_its_layers_in_a_row_compute() -> None:
    layers = [nn.Linear(6, 5), nn.Dropout(0.4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 2)]
    head, plain, x = Head(*layers), nn.Sequential(*layers), torch.rand(9, 6)
    torch.manual_seed(1)
    expected = plain(x)
    torch.manual_seed(1)
    assert torch.equal(head(x), expected)
    assert torch.equal(head.eval()(x), plain.eval()(x))
