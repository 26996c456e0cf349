"""Norm curves and drift, compared with one document at a time in a plain loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatches
from steadfit.data.token_store import TokenStore, write_store
from steadfit.models.classifier import READING_WINDOW, TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.report.norms import longest_rows, norm_curve, norm_drift, norms_of

LENGTHS = (3, READING_WINDOW, 19, 2 * READING_WINDOW + 176, 20, READING_WINDOW + 1, 47)


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    torch.manual_seed(0)
    config = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, 30, overrides={"emb_sz": 4, "n_hid": 5, "n_layers": 2}
    )
    made = TextClassifier(config, 2)
    with torch.no_grad():
        made.encoder.embedding.weight.mul_(20)  # else all norms are nearly the same
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    rng = np.random.default_rng(1)
    documents = [rng.integers(2, 30, length).tolist() for length in LENGTHS]
    return write_store(tmp_path_factory.mktemp("norms") / "store", documents, vocab_size=30)


def norms_alone(model: TextClassifier, store: TokenStore) -> list[list[float]]:
    """Each document's norms, one step of one document after the other."""
    model.eval()
    found = []
    for row in range(len(store)):
        state, norms = None, []
        for token in store[row]:
            with torch.no_grad():
                hidden, state = model.encoder(torch.tensor([[int(token)]]), state)
            norms.append(sum(float(x) ** 2 for x in hidden[0, 0]) ** 0.5)
        found.append(norms)
    return found


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_curve_is_the_mean_over_documents_that_still_run(
    model: TextClassifier, store: TokenStore, batch_size: int
) -> None:
    documents = norms_alone(model, store)
    expected = []
    for t in range(max(LENGTHS)):
        running = [norms[t] for norms in documents if len(norms) > t]
        expected.append(sum(running) / len(running))
    batches = DocumentBatches(store, range(len(store)), batch_size, shuffle=False)
    assert norm_curve(model, batches) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_drift_is_the_last_tenth_over_the_second_averaged_over_documents(
    model: TextClassifier, store: TokenStore, batch_size: int
) -> None:
    ratios = []
    for norms in norms_alone(model, store):
        if len(norms) >= 20:
            tenth = len(norms) // 10
            ratios.append(sum(norms[-tenth:]) / sum(norms[tenth : 2 * tenth]))
    batches = DocumentBatches(store, range(len(store)), batch_size)
    drift = norm_drift(model, batches)
    assert drift.ratio == pytest.approx(sum(ratios) / len(ratios), abs=1e-5)
    assert (drift.documents, drift.left_out) == (5, 2)


class Batch(NamedTuple):
    tokens: torch.Tensor
    lengths: torch.Tensor


class OneBatch:
    """A single batch of documents of the given lengths."""

    def __init__(self, *lengths: int) -> None:
        tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
        self.batch = Batch(tokens, torch.tensor(lengths))

    def __len__(self) -> int:
        return 1

    def epoch(self, epoch: int, start: int = 0):  # type: ignore[no-untyped-def]
        return iter([self.batch])


class Window(NamedTuple):
    hidden: torch.Tensor
    lengths: torch.Tensor


class Growing(torch.nn.Module):
    """A model whose state has norm t at step t, counted from one, read seven steps at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, tokens, lengths, observe):  # type: ignore[no-untyped-def]
        assert not self.training
        assert not torch.is_grad_enabled()
        lengths = lengths.sort(descending=True).values
        for begin in range(0, tokens.shape[1], 7):
            rows = int((lengths > begin).sum())
            width = min(7, tokens.shape[1] - begin)
            norms = torch.arange(begin + 1, begin + width + 1).expand(rows, width)
            hidden = norms.unsqueeze(-1) * torch.tensor([0.6, 0.8])
            observe(Window(hidden, (lengths[:rows] - begin).clamp(max=width)))


def test_a_state_that_grows_evenly_gives_the_known_curve_and_drift() -> None:
    batches = OneBatch(30, 100)
    assert norm_curve(Growing(), batches) == pytest.approx(list(range(1, 101)), rel=1e-6)
    # 91..100 over 11..20, and 28..30 over 4..6
    assert norm_drift(Growing(), batches).ratio == pytest.approx((95.5 / 15.5 + 29 / 5) / 2)


def test_curve_and_drift_of_one_reading_are_those_of_two() -> None:
    readings = 0

    class Counted(Growing):
        def forward(self, tokens, lengths, observe):  # type: ignore[no-untyped-def]
            nonlocal readings
            readings += 1
            super().forward(tokens, lengths, observe)

    found = norms_of(Counted(), OneBatch(30, 5, 100))
    assert readings == 1
    assert found.curve == norm_curve(Growing(), OneBatch(30, 5, 100))
    assert found.drift == norm_drift(Growing(), OneBatch(30, 5, 100))


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_the_mode_it_was_in(training: bool) -> None:
    model = Growing().train(training)
    norm_curve(model, OneBatch(5))
    assert model.training is training


def test_no_documents_have_no_curve() -> None:
    class NoBatch:
        def epoch(self, epoch: int, start: int = 0):  # type: ignore[no-untyped-def]
            return iter(())

    with pytest.raises(DataError, match="No documents were given"):
        norm_curve(Growing(), NoBatch())  # type: ignore[arg-type]


def test_documents_that_are_all_too_short_are_refused_with_their_number() -> None:
    with pytest.raises(DataError, match="2 documents were given and none has 20 tokens"):
        norm_drift(Growing(), OneBatch(19, 4))


def test_the_longest_rows_come_longest_first_and_ties_in_their_order() -> None:
    assert longest_rows([5, 9, 1, 9, 5], 3).tolist() == [1, 3, 0]
    assert longest_rows([5, 9], 64).tolist() == [1, 0]


@pytest.mark.parametrize("n", [0, 2.5, "2", None])
def test_no_longest_rows_cannot_be_asked_for(n: Any) -> None:
    with pytest.raises(DataError, match="n is "):
        longest_rows([1, 2], n)
