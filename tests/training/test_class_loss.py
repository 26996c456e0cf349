"""A classifier's loss, against PyTorch's own means and against documents that occur often."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from steadfit.core.errors import DataError
from steadfit.data.buckets import DocumentBatch
from steadfit.training.class_loss import ClassLoss

CLASSES = 3


def batch_of(labels: Tensor, weights: Tensor | None = None) -> DocumentBatch:
    rows = len(labels)
    lengths = torch.ones(rows, dtype=torch.int64)
    return DocumentBatch(torch.full((rows, 1), 2), lengths, labels, torch.arange(rows), weights)


def mean(loss: ClassLoss, logits: Tensor, batch: DocumentBatch) -> Tensor:
    return loss(logits, batch) / loss.weight(batch)


def drawn(seed: int, rows: int, multi_label: bool) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, CLASSES, generator=generator)
    if multi_label:
        return logits, torch.randint(2, (rows, CLASSES), generator=generator).float()
    return logits, torch.randint(CLASSES, (rows,), generator=generator)


SEEDS, ROWS = st.integers(0, 999), st.integers(1, 6)
CLASS_WEIGHTS = st.none() | st.lists(st.sampled_from([0.25, 1.0, 3.5]), min_size=3, max_size=3)
SMOOTHING = st.sampled_from([0.0, 0.1, 0.5])


@settings(max_examples=60, deadline=None)
@given(SEEDS, ROWS, CLASS_WEIGHTS, SMOOTHING)
def test_the_mean_is_that_of_torchs_cross_entropy_document_by_document(
    seed: int, rows: int, class_weights: list[float] | None, smoothing: float
) -> None:
    logits, labels = drawn(seed, rows, False)
    weights = None if class_weights is None else torch.tensor(class_weights)
    loss = ClassLoss(CLASSES, weights, smoothing)
    # PyTorch's own with smoothing weighs each class's share of a target by that class.
    of_documents = torch.ones(rows) if weights is None else weights[labels]
    each = [
        F.cross_entropy(logits[row : row + 1], labels[row : row + 1], label_smoothing=smoothing)
        for row in range(rows)
    ]
    wanted = (torch.stack(each) * of_documents).sum() / of_documents.sum()
    torch.testing.assert_close(mean(loss, logits, batch_of(labels)), wanted)
    if not smoothing:
        torch.testing.assert_close(wanted, F.cross_entropy(logits, labels, weights))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 100), st.sampled_from([0.0, 0.1, 0.5]))
def test_the_best_answer_for_a_document_does_not_depend_on_what_other_classes_weigh(
    weight: float, smoothing: float
) -> None:
    loss = ClassLoss(2, torch.tensor([1.0, weight]), smoothing)
    batch = batch_of(torch.tensor([0]))
    best = torch.tensor([[1 - smoothing / 2, smoothing / 2]]).clamp(min=1e-6).log()
    best.requires_grad_()
    (slope,) = torch.autograd.grad(mean(loss, best, batch), best)
    torch.testing.assert_close(slope, torch.zeros(1, 2), atol=1e-5, rtol=0)


@settings(max_examples=60, deadline=None)
@given(SEEDS, ROWS, CLASS_WEIGHTS, SMOOTHING)
def test_of_several_classes_a_document_it_is_that_of_binary_cross_entropy(
    seed: int, rows: int, class_weights: list[float] | None, smoothing: float
) -> None:
    logits, labels = drawn(seed, rows, True)
    weights = None if class_weights is None else torch.tensor(class_weights)
    loss = ClassLoss(CLASSES, weights, smoothing, multi_label=True)
    # As written out: yes and no each get half of what is taken from the target.
    yes = labels * (1 - smoothing) + smoothing / 2
    each = -(yes * logits.sigmoid().log() + (1 - yes) * (-logits).sigmoid().log())
    of_classes = torch.ones(CLASSES) if weights is None else weights
    wanted = (each * of_classes).sum() / (rows * of_classes.sum())
    torch.testing.assert_close(mean(loss, logits, batch_of(labels)), wanted)
    if weights is None and not smoothing:
        torch.testing.assert_close(wanted, F.binary_cross_entropy_with_logits(logits, labels))


@settings(max_examples=60, deadline=None)
@given(
    SEEDS, st.lists(st.integers(0, 3), min_size=1, max_size=5), CLASS_WEIGHTS, SMOOTHING,
    st.booleans(),
)  # fmt: skip
def test_a_document_that_weighs_three_is_three_documents(
    seed: int, counts: list[int], class_weights: list[float] | None, smoothing: float, several: bool
) -> None:
    counts[0] = max(counts[0], 1)
    logits, labels = drawn(seed, len(counts), several)
    weights = None if class_weights is None else torch.tensor(class_weights)
    loss = ClassLoss(CLASSES, weights, smoothing, multi_label=several)
    times = torch.tensor(counts)
    once = mean(loss, logits, batch_of(labels, times.float()))
    often = batch_of(labels.repeat_interleave(times, dim=0))
    torch.testing.assert_close(once, mean(loss, logits.repeat_interleave(times, dim=0), often))


@settings(max_examples=30, deadline=None)
@given(SEEDS, CLASS_WEIGHTS, st.booleans())
def test_parts_of_a_batch_weigh_together_what_it_weighs(
    seed: int, class_weights: list[float] | None, several: bool
) -> None:
    _, labels = drawn(seed, 6, several)
    weights = torch.rand(6, generator=torch.Generator().manual_seed(seed))
    of_classes = None if class_weights is None else torch.tensor(class_weights)
    loss = ClassLoss(CLASSES, of_classes, multi_label=several)
    parts = [loss.weight(batch_of(labels[r], weights[r])) for r in (slice(2), slice(2, 6))]
    assert sum(parts) == pytest.approx(loss.weight(batch_of(labels, weights)), rel=1e-12)


@pytest.mark.parametrize("several", [False, True])
def test_held_out_documents_are_judged_without_weights_and_smoothing(several: bool) -> None:
    logits, labels = drawn(0, 5, several)
    plain = ClassLoss(CLASSES, multi_label=several)
    loss = ClassLoss(CLASSES, torch.tensor([1.0, 2.0, 5.0]), 0.3, several)
    batch = batch_of(labels, torch.rand(5))
    losses, hits = loss.judge(logits, batch)
    torch.testing.assert_close(losses.mean(), mean(plain, logits, batch_of(labels)))
    right = (logits.sigmoid() > 0.5) == labels.bool() if several else logits.argmax(1) == labels
    assert hits.tolist() == right.flatten().tolist()


def test_weights_move_with_the_loss_and_are_not_saved() -> None:
    loss = ClassLoss(CLASSES, torch.ones(3))
    assert loss.state_dict() == {}
    assert loss.to("meta").class_weights.device.type == "meta"


def test_settings_name_only_what_is_not_plain() -> None:
    assert ClassLoss(2).settings() == {}
    found = ClassLoss(2, torch.tensor([1.0, 2.0]), 0.1, multi_label=True).settings()
    assert found == {"class_weights": [1.0, 2.0], "label_smoothing": 0.1, "multi_label": True}


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2, float("nan"), "a", None, True])
def test_a_smoothing_that_is_none_is_refused(smoothing: Any) -> None:
    with pytest.raises(DataError, match="label_smoothing"):
        ClassLoss(2, label_smoothing=smoothing)


@pytest.mark.parametrize("several", [False, True])
def test_labels_of_the_other_kind_are_refused(several: bool) -> None:
    logits, labels = drawn(0, 3, not several)
    loss = ClassLoss(CLASSES, torch.ones(3), multi_label=several)
    for judge in (loss, loss.judge):
        with pytest.raises(DataError, match=r"class(es)? a document"):
            judge(logits, batch_of(labels))
