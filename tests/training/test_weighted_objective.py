"""What weighs and smooths, in steps of several batches and over interruptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score

from steadfit.core.errors import DataError, TrainingError
from steadfit.data.buckets import DocumentBatch, DocumentBatches
from steadfit.data.label_sets import LabelSets
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.metrics import accuracy, as_metrics
from steadfit.training.objective import ClassifierObjective
from steadfit.training.penalty_terms import Penalties
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan
from tests.training.conftest import NO_PENALTIES, config_of, store_of

ALL = Penalties(2.0, 1.0, 50.0)
WEIGHTS = torch.tensor([0.5, 3.0])


def objective_of(
    penalties: Penalties = NO_PENALTIES, several: bool = False, drop_mult: float = 0.0, **how: Any
) -> ClassifierObjective:
    config = config_of(CLASSIFIER_DEFAULTS, drop_mult)
    generator = torch.Generator().manual_seed(0)
    model = TextClassifier(config, 2, generator=generator, multi_label=several)
    return ClassifierObjective(model, penalties, **how)


@pytest.fixture(params=[False, True], ids=["one class", "several"])
def several(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def store(documents: Any, several: bool) -> Any:
    made = store_of([document.tolist() for document in documents], documents.labels.tolist())
    if several:
        odd = np.arange(24) % 3 == 0
        made.labels = LabelSets.of_table(np.stack([documents.labels == 1, odd], axis=1))
    return made


@pytest.fixture
def weighted(store: Any) -> DocumentBatches:
    return DocumentBatches(store, range(24), 8, weights=0.1 + np.arange(24) % 5)


def part(batch: DocumentBatch, rows: slice) -> DocumentBatch:
    return DocumentBatch(*(None if column is None else column[rows] for column in batch))


def test_shares_of_weighted_micro_batches_have_the_gradient_of_one_batch(
    weighted: DocumentBatches, several: bool
) -> None:
    how = {"class_weights": WEIGHTS, "label_smoothing": 0.1}
    # Evaluation mode: batch normalisation sees each micro-batch alone, and cannot add up.
    whole, parted = (objective_of(ALL, several, **how).eval() for _ in range(2))
    batch = next(weighted.epoch(0))
    whole(batch, None, whole.sizes(batch)).total.backward()
    parts = [part(batch, rows) for rows in (slice(3), slice(3, 8))]
    sizes = parted.sizes(parts[0]).plus(parted.sizes(parts[1]))
    for one in parts:
        parted(one, None, sizes).total.backward()
    for ours, theirs in zip(parted.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_the_loss_is_torchs_of_the_models_logits(weighted: DocumentBatches, several: bool) -> None:
    objective = objective_of(several=several, class_weights=WEIGHTS, label_smoothing=0.1).eval()
    batch = next(weighted.epoch(0))._replace(weights=None)
    logits, labels = objective.model(batch.tokens, batch.lengths), batch.labels
    if several:
        losses = F.binary_cross_entropy_with_logits(
            logits, labels * 0.9 + 0.05, WEIGHTS, reduction="sum"
        )
        wanted = losses / (8 * WEIGHTS.sum())
    else:
        # PyTorch's own mean with weights weighs each class's share of a smoothed target.
        losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)
        wanted = (losses * WEIGHTS[labels]).sum() / WEIGHTS[labels].sum()
    torch.testing.assert_close(objective(batch, None, objective.sizes(batch)).loss, wanted)


def test_the_plain_loss_is_the_plain_sum_over_the_documents_to_the_bit(
    weighted: DocumentBatches, several: bool
) -> None:
    batch = next(weighted.epoch(0))._replace(weights=None)
    objective = objective_of(several=several).eval()
    logits = objective.model(batch.tokens, batch.lengths)
    if several:
        total = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="sum")
    else:
        total = F.cross_entropy(logits, batch.labels, reduction="sum")
    found = objective(batch, None, objective.sizes(batch)).loss
    assert torch.equal(found, total / batch.labels.numel())


def test_documents_that_weigh_nothing_change_nothing(weighted: DocumentBatches) -> None:
    objective = objective_of(several=weighted.store.multi_label).eval()
    batch = next(weighted.epoch(0))
    nothing = batch._replace(weights=torch.zeros(8))
    result = objective(nothing, None, objective.sizes(nothing))
    assert result.loss.item() == 0
    result.total.backward()
    assert all(not p.grad.any() for p in objective.parameters() if p.grad is not None)


def test_evaluation_counts_all_documents_alike(
    weighted: DocumentBatches, store: Any, several: bool
) -> None:
    plain = evaluate(
        objective_of(several=several), DocumentBatches(store, range(24), shuffle=False)
    )
    objective = objective_of(several=several, class_weights=WEIGHTS, label_smoothing=0.2)
    found = evaluate(objective, weighted)
    assert found.loss == pytest.approx(plain.loss, rel=1e-5)
    assert found.hits == plain.hits


def test_several_classes_are_judged_by_sigmoids_and_scikit_learns_functions(documents: Any) -> None:
    store = store_of([document.tolist() for document in documents])
    labels = np.arange(48).reshape(24, 2) % 3 == 0
    store.labels = LabelSets.of_table(labels)
    objective = objective_of(several=True)
    evaluation = evaluate(objective, DocumentBatches(store, range(24), 5, shuffle=False))
    probabilities, found = in_row_order(evaluation)
    assert np.array_equal(found.numpy(), labels)
    with torch.no_grad():
        (batch,) = DocumentBatches(store, range(24), shuffle=False).epoch(0)
        logits = objective.model.eval()(batch.tokens, batch.lengths)[batch.rows.argsort()]
    torch.testing.assert_close(probabilities, 1 / (1 + (-logits).exp()))
    wanted = F.binary_cross_entropy(probabilities, torch.from_numpy(labels).float())
    assert evaluation.loss == pytest.approx(float(wanted), rel=1e-5)
    predicted = (logits > 0).numpy()
    assert accuracy(evaluation) == pytest.approx((predicted == labels).mean())

    def f1_macro(truth: Any, guess: Any) -> float:
        return f1_score(truth, guess, average="macro", zero_division=0)

    exact, f1 = (metric(evaluation) for metric in as_metrics([accuracy_score, f1_macro]))
    assert exact == (predicted == labels).all(axis=1).mean()
    assert f1 == pytest.approx(f1_macro(labels, predicted))


def test_what_the_model_was_made_for_cannot_be_told_otherwise() -> None:
    for several in (False, True):
        with pytest.raises(DataError, match=f"multi_label={several}"):
            objective_of(several=several, multi_label=not several)
        assert objective_of(several=several, multi_label=several).loss.multi_label is several


class Killed(BaseException):
    """Stands for the end of the process."""


class Trap(Callback):
    """Ends the program after so many steps."""

    def __init__(self, at: int | None) -> None:
        self.left = at

    def on_step_end(self, run: Any) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


def trained(
    weighted: DocumentBatches, folder: Path, at: int | None = None, **how: Any
) -> dict[str, Any]:
    how = {"class_weights": WEIGHTS, "label_smoothing": 0.1, **how}
    objective = objective_of(ALL, weighted.store.multi_label, 1.0, **how)
    history, plan = History(), FitPlan(2, 1e-2, accumulate=2)
    fit(objective, weighted, weighted, plan, history, [Trap(at)], stages=Stages(folder, 1))
    return {name: value.tolist() for name, value in objective.state_dict().items()}


def test_a_fit_goes_on_to_the_same_weights(weighted: DocumentBatches, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained(weighted, tmp_path / "killed", at=1)
    again = trained(weighted, tmp_path / "killed")
    assert again == trained(weighted, tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("class_weights", {"class_weights": None}),
        ("label_smoothing", {"label_smoothing": 0.2}),
    ],
)
@pytest.mark.parametrize("several", [False], indirect=True)
def test_a_fit_does_not_go_on_with_another_loss(
    name: str, change: dict[str, Any], weighted: DocumentBatches, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        trained(weighted, tmp_path, at=0)
    with pytest.raises(TrainingError, match=f"another fit: {name} differ"):
        trained(weighted, tmp_path, **change)
