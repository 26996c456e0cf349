"""Integrated gradients: complete, whole, beside plain autograd, and without a trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.inference import integrated_gradients as module
from steadfit.inference.integrated_gradients import integrated_gradients
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig

WORDS = 30


def small(classes: int = 3) -> TextClassifier:
    torch.manual_seed(5)
    sizes = {"emb_sz": 5, "n_hid": 7, "n_layers": 2}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, WORDS, 1.0, sizes)
    model = TextClassifier(config, classes, bptt=4, grad_tokens=8)
    for parameter in model.encoder.rnns.parameters():
        nn.init.uniform_(parameter, -0.7, 0.7)  # a memory that matters
    nn.init.normal_(model.encoder.embedding.weight)
    for layer in (model.head[0], model.head[4]):
        nn.init.normal_(layer.running_mean)
        nn.init.uniform_(layer.running_var, 0.01, 0.05)  # opinions
    return model.eval()


def drawn(length: int, seed: int = 0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, WORDS, (length,), generator=generator).tolist()


def plain_log_odds(model: TextClassifier, x: Tensor, target: int) -> Tensor:
    """Read embeddings `(time, features)` in one go by the layers' own forward."""
    x = x.unsqueeze(0)
    for layer in model.encoder.rnns:
        x = layer(x)[0]
    pooled = torch.cat([x[:, -1], x.amax(dim=1), x.mean(dim=1)], dim=1)
    p = model.head(pooled)[0].softmax(dim=0)[target]
    return (p / (1 - p)).log()


@pytest.mark.parametrize("length", [1, 2, 30, 300])
@pytest.mark.parametrize("target", [0, 2])
def test_weights_add_up_to_the_difference_of_log_odds(length: int, target: int) -> None:
    model, ids = small(), drawn(length)
    found = integrated_gradients(model, ids, target, steps=64)
    with torch.no_grad():
        x = model.encoder.embedding.weight[ids]
        whole = plain_log_odds(model, x, target).item()
        nothing = plain_log_odds(model, 0 * x, target).item()
    assert (found.log_odds, found.baseline) == pytest.approx((whole, nothing), abs=1e-4)
    # The tolerance: two per cent of the difference. Largest outputs and ReLU have corners.
    assert found.weights.sum().item() == pytest.approx(whole - nothing, rel=0.02, abs=2e-3)
    assert found.gap == pytest.approx(found.weights.sum().item() - (whole - nothing), abs=1e-4)


def test_with_two_classes_it_is_the_difference_of_logits() -> None:
    model, ids = small(classes=2), drawn(12)
    found = integrated_gradients(model, ids, 1, steps=64)
    with torch.no_grad():
        logits = model(torch.tensor([ids]), torch.tensor([12]))[0]
    assert found.log_odds == pytest.approx((logits[1] - logits[0]).item(), abs=1e-5)
    other = integrated_gradients(model, ids, 0, steps=64)
    assert torch.allclose(found.weights, -other.weights, atol=1e-5)


@pytest.mark.parametrize("window", [1, 7, 50, 128])
def test_each_window_length_gives_the_gradients_of_plain_autograd(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", window)
    model, ids, steps = small().double(), drawn(50), 4
    places, shares = module.np.polynomial.legendre.leggauss(steps)
    embedded = model.encoder.embedding.weight.detach()[ids]
    expected = torch.zeros(50, dtype=torch.float64)
    for place, share in zip(places, shares, strict=True):
        x = ((place + 1) / 2 * embedded).requires_grad_()
        (gradient,) = torch.autograd.grad(plain_log_odds(model, x, 1), x)
        expected += share / 2 * (gradient * embedded).sum(dim=1)
    found = integrated_gradients(model, ids, 1, steps).weights
    assert torch.allclose(found, expected, atol=1e-10)


def test_all_tokens_of_a_long_document_have_weight_even_where_training_would_read_no_gradient():
    model, ids = small(), drawn(300)
    weights = integrated_gradients(model, ids, 1, steps=4).weights
    real = torch.tensor([model.encoder.embedding.weight[i].abs().sum() > 0 for i in ids])
    assert (weights[real] != 0).all()
    assert model.grad_tokens < 300


def test_the_graph_never_holds_more_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    plain = module.lstm

    def counting(x: Tensor, *args: object) -> object:
        if torch.is_grad_enabled():
            lengths.append(x.shape[0] * x.shape[1])
        return plain(x, *args)

    monkeypatch.setattr(module, "lstm", counting)
    integrated_gradients(small(), drawn(1000), 0, steps=16)
    assert max(lengths) == module.WINDOW * module.ROWS


def test_neither_model_nor_grads_nor_random_numbers_change(
    unchanged: Callable[[nn.Module], Callable[[], bool]],
) -> None:
    model = small()
    same, before = unchanged(model), torch.get_rng_state()
    with torch.inference_mode():  # a server may be inside
        integrated_gradients(model, drawn(9), 0, steps=2)
    assert same()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_cannot_be_explained_is_refused() -> None:
    model = small()
    for ids, target, steps, message in [
        ([], 0, 4, "no tokens"),
        ([3], 3, 4, "target is 3"),
        ([3], 0, 0, "steps is 0"),
    ]:
        with pytest.raises(DataError, match=message):
            integrated_gradients(model, ids, target, steps)
    with pytest.raises(DataError, match="training mode"):
        integrated_gradients(model.train(), [3], 0)
