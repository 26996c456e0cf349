"""What a step minimises, against the plain model, the plain loss and the plain penalties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatch
from steadfit.data.lm_stream import LMBatch
from steadfit.models.outputs import DocumentWindow
from steadfit.penalties import (
    activation_regularization,
    norm_stabilizer,
    temporal_activation_regularization,
)
from steadfit.training.evaluation import evaluate
from steadfit.training.objective import ClassifierObjective, Objective
from steadfit.training.penalty_terms import Penalties

ALL = Penalties(alpha=2.0, beta=1.5, beta_norm=50.0)
NONE = Penalties(0.0, 0.0, 0.0)


def ragged(lengths: list[int], seed: int = 0) -> DocumentBatch:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(2, 20, (len(lengths), max(lengths)), generator=generator)
    length = torch.tensor(lengths)
    tokens[torch.arange(tokens.shape[1]) >= length.unsqueeze(1)] = 1
    labels = torch.arange(len(lengths)) % 2
    return DocumentBatch(tokens, length, labels, torch.arange(len(lengths)))


def window(rows: int = 3, time: int = 5, seed: int = 0) -> LMBatch:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 20, (rows, time + 1), generator=generator)
    return LMBatch(ids[:, :-1], ids[:, 1:])


def gradients(objective: Objective, values: Tensor) -> dict[str, Tensor]:
    """Return the gradient of `values` for each parameter it reaches."""
    objective.zero_grad()
    values.backward()
    return {n: p.grad.clone() for n, p in objective.named_parameters() if p.grad is not None}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], atol: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=atol, msg=name)


def functional(hidden: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
    return {
        "ar": activation_regularization(hidden, 2.0, lengths),
        "tar": temporal_activation_regularization(hidden, 1.5, lengths),
        "norm": norm_stabilizer(hidden, 50.0, lengths),
    }


@pytest.mark.parametrize("bptt", [2, 3, 70])
def test_a_classifiers_windows_are_penalised_as_the_whole_sequence(
    classifier: Any, bptt: int
) -> None:
    objective = classifier(ALL, bptt=bptt)
    batch = ragged([4, 9, 1, 7])
    result = objective(batch, None, objective.sizes(batch))
    hidden, _ = objective.model.encoder(batch.tokens)
    for name, value in functional(hidden, batch.lengths).items():
        torch.testing.assert_close(result.penalties[name], value, rtol=1e-5, atol=1e-7)


def test_a_language_models_penalties_are_those_of_its_hidden_states(language_model: Any) -> None:
    objective = language_model(ALL)
    batch = window()
    result = objective(batch, None, objective.sizes(batch))
    hidden, _ = objective.model.encoder(batch.inputs)
    for name, value in functional(hidden).items():
        torch.testing.assert_close(result.penalties[name], value, rtol=1e-5, atol=1e-7)


def test_a_language_models_ar_reads_the_dropped_outputs(language_model: Any) -> None:
    objective = language_model(ALL, drop_mult=1.0).train()
    batch = window()
    outputs = []
    objective.model.register_forward_hook(lambda _module, _args, out: outputs.append(out))
    result = objective(batch, None, objective.sizes(batch))
    (out,) = outputs
    assert not torch.equal(out.hidden, out.dropped)
    torch.testing.assert_close(result.penalties["ar"], activation_regularization(out.dropped, 2.0))
    torch.testing.assert_close(
        result.penalties["tar"], temporal_activation_regularization(out.hidden, 1.5)
    )


def test_the_reported_loss_is_the_models_without_penalties(
    classifier: Any, language_model: Any
) -> None:
    objective, batch = classifier(ALL).eval(), ragged([4, 9, 1])
    result = objective(batch, None, objective.sizes(batch))
    logits = objective.model(batch.tokens, batch.lengths)
    torch.testing.assert_close(result.loss, F.cross_entropy(logits, batch.labels))
    torch.testing.assert_close(result.total, result.loss + sum(result.penalties.values()))
    objective, windowed = language_model(ALL), window()
    result = objective(windowed, None, objective.sizes(windowed))
    logits = objective.model.logits(objective.model(windowed.inputs).dropped)
    expected = F.cross_entropy(logits.flatten(0, 1), windowed.targets.flatten())
    torch.testing.assert_close(result.loss, expected)


@pytest.mark.parametrize("maker", ["classifier", "language_model"])
def test_the_gradient_differs_by_exactly_the_penalties_gradient(
    maker: str, request: pytest.FixtureRequest
) -> None:
    make = request.getfixturevalue(maker)
    plain, penalised = make(NONE).eval(), make(ALL).eval()
    batch: Any = ragged([4, 9, 1, 7]) if maker == "classifier" else window()
    tokens = batch[0]
    lengths = batch.lengths if maker == "classifier" else None
    without = gradients(plain, plain(batch, None, plain.sizes(batch)).total)
    with_them = gradients(penalised, penalised(batch, None, penalised.sizes(batch)).total)
    hidden, _ = plain.model.encoder(tokens)
    alone = gradients(plain, sum(functional(hidden, lengths).values(), torch.zeros(())))
    assert any(value.abs().max() > 1e-3 for value in alone.values())
    expected = {name: value + alone.get(name, 0) for name, value in without.items()}
    assert_same(with_them, expected)


@pytest.mark.parametrize("sizes", [[(4, 9), (1, 7)], [(3,), (5, 5, 2), (8,)]])
def test_micro_batches_of_documents_give_the_gradients_of_one_batch(
    classifier: Any, sizes: list[tuple[int, ...]]
) -> None:
    # Evaluation mode: batch normalisation sees each micro-batch alone, and cannot add up.
    objective = classifier(ALL).eval()
    whole = ragged([length for part in sizes for length in part])
    parts, start = [], 0
    for part in sizes:
        rows = slice(start, start + len(part))
        tokens = whole.tokens[rows, : max(part)]
        parts.append(DocumentBatch(tokens, whole.lengths[rows], whole.labels[rows], None))
        start += len(part)
    total = objective.sizes(parts[0])
    for part in parts[1:]:
        total = total.plus(objective.sizes(part))
    assert total == objective.sizes(whole)
    once = gradients(objective, objective(whole, None, total).total)
    shares = [objective(part, None, total).total for part in parts]
    assert_same(gradients(objective, sum(shares, torch.zeros(()))), once)


def test_micro_batches_of_equal_windows_give_the_gradients_of_one_batch(
    language_model: Any,
) -> None:
    objective, whole = language_model(ALL), window(rows=6)
    parts = [LMBatch(whole.inputs[rows], whole.targets[rows]) for rows in (slice(2), slice(2, 6))]
    sizes = objective.sizes(parts[0]).plus(objective.sizes(parts[1]))
    once = gradients(objective, objective(whole, None, sizes).total)
    shares = [objective(part, None, sizes).total for part in parts]
    assert_same(gradients(objective, sum(shares, torch.zeros(()))), once)


def test_scores_know_no_penalties(classifier: Any, language_model: Any) -> None:
    for make, batch in ((classifier, ragged([4, 9, 1])), (language_model, window())):
        plain, penalised = make(NONE).eval(), make(ALL).eval()
        with torch.no_grad():
            assert torch.equal(plain.score(batch, None).losses, penalised.score(batch, None).losses)


def test_the_state_for_the_next_window_carries_no_gradient(language_model: Any) -> None:
    objective, batch = language_model(), window()
    state = objective(batch, None, objective.sizes(batch)).state
    assert not any(part.requires_grad for layer in state for part in layer)


def test_windows_are_observed_longest_document_first(classifier: Any) -> None:
    seen: list[DocumentWindow] = []
    objective, batch = classifier(bptt=3), ragged([4, 9, 1])
    objective.model(batch.tokens, batch.lengths, seen.append)
    assert [len(one.lengths) for one in seen] == [3, 2, 1]


def test_documents_without_labels_have_no_loss(classifier: Any) -> None:
    objective = classifier()
    batch = ragged([4, 2])._replace(labels=None)
    with pytest.raises(DataError, match="no labels"):
        objective(batch, None, objective.sizes(batch))


def test_an_objective_is_one_module_so_that_it_can_be_wrapped(classifier: Any) -> None:
    objective = classifier()
    assert isinstance(objective, nn.Module)
    own = {id(p) for p in objective.parameters()}
    assert own == {id(p) for p in objective.model.parameters()}


@pytest.mark.parametrize("training", [True, False])
def test_judging_leaves_a_model_in_the_mode_it_was_in(classifier: Any, training: bool) -> None:
    model = classifier(NONE).model.train(training)
    batch = ragged([4, 9])

    class OneBatch:
        def __len__(self) -> int:
            return 1

        def epoch(self, epoch: int, start: int = 0) -> Iterator[DocumentBatch]:
            return iter([batch])

    evaluate(ClassifierObjective(model, NONE), OneBatch())
    assert {module.training for module in model.modules()} == {training}


def test_a_single_document_cannot_be_learned_from_but_judged(classifier: Any) -> None:
    objective = classifier(NONE).train()
    batch = ragged([4])
    with pytest.raises(DataError, match="has one document"):
        objective(batch, None, objective.sizes(batch))
    objective.eval()
    assert objective.score(batch, None).losses.shape == (1,)
