"""The losses of documents without labels, against slower ways to the same numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments import _unlabelled
from experiments._unlabelled import MOVE, TERMS, Pairs, UnlabelledObjective, train_beside
from steadfit.data.buckets import DocumentBatch, DocumentBatches
from steadfit.data.prepare import prepare_tokens
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.recipe.network import Reading, train_network
from steadfit.recipe.settings import ClassifierSettings
from steadfit.text.corpus import Corpus
from steadfit.training.history import History
from steadfit.training.objective import ClassifierObjective
from steadfit.training.penalty_terms import Penalties
from tests.training.conftest import NO_PENALTIES, SIZES, WORDS, store_of

ROWS, STEPS = 3, 9


@pytest.fixture
def model() -> TextClassifier:
    """Return a classifier in float64, whose answers differ from text to text."""
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, WORDS, 0.5, SIZES)
    model = TextClassifier(config, 2, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5, generator=generator)
    return model.double().eval()


@pytest.fixture
def batch() -> DocumentBatch:
    tokens = torch.randint(2, WORDS, (ROWS, STEPS), generator=torch.Generator().manual_seed(2))
    return DocumentBatch(tokens, torch.full((ROWS,), STEPS), None, torch.arange(ROWS))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def scores(model: TextClassifier, embedded: Tensor) -> Tensor:
    """Return logits by PyTorch's own layers, (rows, classes), of (rows, time, units)."""
    for layer in model.encoder.rnns:
        embedded, _ = layer(embedded)
    pooled = torch.cat([embedded[:, -1], embedded.amax(dim=1), embedded.mean(dim=1)], dim=1)
    return torch.nn.Sequential(*model.head)(pooled)


def test_entropy_is_that_of_the_probabilities(model: TextClassifier, batch: DocumentBatch) -> None:
    table = model.probabilities(model(batch.tokens, batch.lengths)).detach().numpy()
    expected = np.mean([-sum(p * np.log(p) for p in row) for row in table])
    found = TERMS["entropy"](model, batch, generator())
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_worst_move_is_along_the_gradient_of_the_logits(
    model: TextClassifier, batch: DocumentBatch
) -> None:
    """With two classes the divergence has rank one, and the worst direction is known exactly."""
    found = TERMS["virtual adversarial"](model, batch, generator()).item()
    embedded = model.encoder.embedding(batch.tokens).detach().requires_grad_()
    before = scores(model, embedded)
    (slope,) = torch.autograd.grad((before[:, 1] - before[:, 0]).sum(), embedded)
    expected = []
    for row in range(ROWS):
        length = MOVE * embedded[row].norm()
        ways = [sign * length * slope[row] / slope[row].norm() for sign in (1, -1)]
        one = before[row].log_softmax(dim=0)
        moved = [scores(model, (embedded[row] + way)[None])[0].log_softmax(dim=0) for way in ways]
        # To which side the power method goes is left to chance.
        expected.append([(one.exp() * (one - other)).sum().item() for other in moved])
    sides = np.array(expected)
    sums = [sides[range(ROWS), [n >> row & 1 for row in range(ROWS)]].mean() for n in range(8)]
    assert min(abs(found - one) for one in sums) < 1e-3 * found
    spread = max(abs(a - b) for a, b in pairwise(sorted(sums)))
    assert 0 < spread < found


def test_no_random_move_of_that_length_does_more(
    model: TextClassifier, batch: DocumentBatch
) -> None:
    found = TERMS["virtual adversarial"](model, batch, generator()).item()
    read = _unlabelled._Beside(model, batch, generator())
    before, embedded = read(), read.embedded()
    drawn = torch.Generator().manual_seed(4)
    for _ in range(20):
        move = torch.randn(embedded.shape, generator=drawn)
        move *= MOVE * _unlabelled._norm(embedded) / _unlabelled._norm(move)
        assert _unlabelled._divergence(before, read(move)).item() < found


@pytest.mark.parametrize("name", TERMS)
def test_padding_and_what_is_in_it_change_nothing(
    name: str, model: TextClassifier, batch: DocumentBatch
) -> None:
    lengths = torch.tensor([STEPS, STEPS - 2, STEPS - 4])
    real = torch.arange(STEPS) < lengths.unsqueeze(1)
    other = batch.tokens.where(real, (batch.tokens + 1) % WORDS)
    first, second = (
        TERMS[name](model, batch._replace(tokens=tokens, lengths=lengths), generator()).item()
        for tokens in (batch.tokens, other)
    )
    assert first == pytest.approx(second, rel=1e-6)


@pytest.mark.parametrize("name", TERMS)
def test_masks_stay_and_so_do_running_figures(
    name: str, model: TextClassifier, batch: DocumentBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training a document that is not moved is read twice alike, and leaves nothing behind."""
    model.train()
    before = {key: one.clone() for key, one in model.named_buffers()}
    TERMS[name](model, batch, generator()).backward()
    gradient = model.encoder.embedding.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
    assert all(torch.equal(one, before[key]) for key, one in model.named_buffers())
    monkeypatch.setattr(_unlabelled, "MOVE", 0.0)
    assert TERMS["virtual adversarial"](model, batch, generator()).item() == pytest.approx(0)


def test_pairs_go_on_where_they_were_stopped() -> None:
    rng = np.random.default_rng(0)
    labelled = store_of([rng.integers(2, WORDS, 4).tolist() for _ in range(10)], [0, 1] * 5)
    more = store_of([rng.integers(2, WORDS, 5).tolist() for _ in range(7)])
    pairs = Pairs(DocumentBatches(labelled, range(10), 2), DocumentBatches(more, range(7), 3))
    whole = [list(pairs.epoch(epoch)) for epoch in range(2)]
    assert [len(epoch) for epoch in whole] == [5, 5]
    for epoch in range(2):
        for start in range(5):
            rest = list(pairs.epoch(epoch, start))
            for one, other in zip(rest, whole[epoch][start:], strict=True):
                assert torch.equal(one.labelled.tokens, other.labelled.tokens)
                assert torch.equal(one.unlabelled.tokens, other.unlabelled.tokens)
    rows = [pair.unlabelled.rows.tolist() for epoch in whole for pair in epoch]
    per_turn = len(DocumentBatches(more, range(7), 3))
    for turn in range(len(rows) // per_turn):
        read = rows[turn * per_turn : (turn + 1) * per_turn]
        assert sorted(chain.from_iterable(read)) == list(range(7))


def test_a_step_adds_the_term_to_the_loss_of_the_labelled(
    model: TextClassifier, batch: DocumentBatch
) -> None:
    labelled = batch._replace(labels=torch.tensor([0, 1, 1]))
    pair = _unlabelled.Pair(labelled, batch)
    plain = ClassifierObjective(model, NO_PENALTIES)
    beside = UnlabelledObjective(model, Penalties(0.0, 0.0, 0.0), "entropy")
    loss = plain(labelled, None, plain.sizes(labelled), generator()).total
    result = beside(pair, None, beside.sizes(pair), generator())
    term = TERMS["entropy"](model, batch, generator())
    assert result.total.item() == pytest.approx((loss + term).item(), rel=1e-6)
    assert beside.settings()["unlabelled"] == "entropy"


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_with_a_term_that_is_zero_the_network_is_the_plain_one_to_the_bit(
    smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a fine film", "a dull film", "so fine", "so dull"] * 10
    corpus = Corpus(texts, list("pnpn") * 10)
    store, vocab = prepare_tokens(corpus, classes=("n", "p"), min_freq=1)
    reading, how = Reading(store, vocab, sizes=SIZES), ClassifierSettings(steps=12)
    plain = train_network(reading, range(40), replace(how, label_smoothing=smoothing))

    def trained(term: str) -> dict[str, Tensor]:
        changed = replace(how, label_smoothing=smoothing)
        given = {"seed": 0, "checkpoints": None, "history": History()}
        return train_beside(term, texts, reading, range(40), changed, **given).state_dict()

    monkeypatch.setitem(TERMS, "zero", lambda model, batch, generator: torch.zeros(()))
    zero, entropy = trained("zero"), trained("entropy")
    assert all(torch.equal(zero[name], value) for name, value in plain.state_dict().items())
    assert not all(torch.equal(entropy[name], value) for name, value in zero.items())
