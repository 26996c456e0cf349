from __future__ import annotations

import torch
from torch import Tensor

from steadfit.models import classifier
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.shared_weight import is_shared, shared_weight


def gradient(model: TextClassifier) -> Tensor:
    tokens, lengths = torch.arange(39).view(3, 13) % 20, torch.tensor([13, 5, 9])
    model.zero_grad()
    logits = model(tokens, lengths, generator=torch.Generator().manual_seed(1))
    logits.square().sum().backward()
    weight = model.encoder.embedding.weight.grad
    assert weight is not None
    return weight


def test_windows_that_share_an_embedding_give_the_gradient_of_windows_that_do_not(
    monkeypatch,
) -> None:
    config = AWDLSTMConfig.from_defaults({**CLASSIFIER_DEFAULTS, "emb_sz": 8, "n_hid": 12}, 20)
    model = TextClassifier(config, 2, bptt=4).train()
    shared = gradient(model)
    monkeypatch.setattr(classifier, "shared_weight", lambda weight: weight)
    apart = gradient(model)
    assert not shared.is_sparse
    assert apart.abs().max() > 0
    torch.testing.assert_close(shared, apart, rtol=1e-6, atol=1e-7)
    assert shared[config.pad_token].abs().max() == 0


def test_dense_and_sparse_gradients_add_up() -> None:
    weight = torch.randn(5, 3, requires_grad=True)
    shared = shared_weight(weight)
    assert is_shared(shared)
    assert not is_shared(weight)
    looked_up = torch.nn.functional.embedding(torch.tensor([4, 4, 0]), shared, sparse=True)
    (looked_up.sum() + 2 * shared.sum()).backward()
    assert weight.grad is not None
    expected = torch.full((5, 3), 2.0)
    expected[4] += 2
    expected[0] += 1
    torch.testing.assert_close(weight.grad, expected, rtol=0, atol=0)


def test_without_gradients_it_is_the_weight_itself() -> None:
    weight = torch.randn(5, 3, requires_grad=True)
    with torch.no_grad():
        assert shared_weight(weight) is weight
    frozen = torch.randn(5, 3)
    assert not is_shared(shared_weight(frozen))
