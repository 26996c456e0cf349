"""Evaluation and metrics, against the loss and accuracy written out."""

from __future__ import annotations

import math
import weakref
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score

from steadfit.core.errors import DataError
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.metrics import Evaluation, Metric, accuracy, as_metrics, perplexity


def test_a_classifiers_evaluation_is_that_of_each_document_alone(
    classifier: Any, documents: Any, held_out: Any
) -> None:
    objective = classifier(drop_mult=1.0).train()
    found = evaluate(objective, held_out)
    assert objective.training  # as it was
    objective.eval()
    rows = list(range(0, 24, 3))
    with torch.no_grad():
        logits = torch.cat(
            [
                objective.model(
                    torch.from_numpy(documents[row].astype(np.int64)).unsqueeze(0),
                    torch.tensor([len(documents[row])]),
                )
                for row in rows
            ]
        )
    labels = torch.tensor([row % 2 for row in rows])
    probabilities, in_order = in_row_order(found)
    assert torch.equal(in_order, labels)
    torch.testing.assert_close(probabilities, logits.softmax(1), rtol=0, atol=1e-6)
    assert found.loss == pytest.approx(F.cross_entropy(logits, labels).item(), abs=1e-6)
    assert accuracy(found) == (logits.argmax(1) == labels).float().mean().item()
    f1 = f1_score(labels, logits.argmax(1), average="macro")
    (metric,) = as_metrics(partial(f1_score, average="macro"))
    assert metric(found) == pytest.approx(f1)


def test_a_language_models_evaluation_is_that_of_the_rows_read_in_one_go(
    language_model: Any, stream: Any
) -> None:
    objective = language_model(drop_mult=1.0)
    found = evaluate(objective, stream)
    batches = list(stream.epoch(0))
    inputs = torch.cat([batch.inputs for batch in batches], dim=1)
    targets = torch.cat([batch.targets for batch in batches], dim=1)
    objective.eval()
    with torch.no_grad():
        logits = objective.model.logits(objective.model(inputs).dropped).flatten(0, 1)
    loss = F.cross_entropy(logits, targets.flatten()).item()
    assert found.targets == targets.numel()
    assert found.loss == pytest.approx(loss, abs=1e-6)
    assert perplexity(found) == pytest.approx(math.exp(loss), rel=1e-5)
    hits = logits.argmax(1) == targets.flatten()
    assert accuracy(found) == pytest.approx(hits.float().mean().item())


def test_nothing_of_a_language_models_tokens_is_kept_while_it_is_judged(
    language_model: Any, stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = language_model()
    made: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []
    score = objective.score

    def watched(batch: Any, state: Any) -> Any:
        alive.append(sum(tensor() is not None for tensor in made))
        scores = score(batch, state)
        made.extend([weakref.ref(scores.losses), weakref.ref(scores.hits)])
        return scores

    monkeypatch.setattr(objective, "score", watched)
    evaluate(objective, stream)
    assert len(alive) == len(stream) > 3
    assert max(alive) <= 2  # those of the batch before, at most


def test_evaluating_twice_gives_the_same_and_changes_nothing(
    classifier: Any, held_out: Any
) -> None:
    objective = classifier(drop_mult=1.0)
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    rng = torch.get_rng_state()
    assert evaluate(objective, held_out).loss == evaluate(objective, held_out).loss
    assert all(torch.equal(value, before[n]) for n, value in objective.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)


def test_the_mode_is_restored_when_evaluation_fails(classifier: Any, held_out: Any) -> None:
    class Broken:
        def __len__(self) -> int:
            return 1

        def epoch(self, epoch: int, start: int = 0) -> Any:
            raise OSError("disk")

    objective = classifier().train()
    with pytest.raises(OSError, match="disk"):
        evaluate(objective, Broken())
    assert objective.training


def test_perplexity_of_a_hopeless_model_is_large_not_an_error() -> None:
    evaluation = Evaluation(1e6, 1, 0, None, None, None)
    assert math.isfinite(perplexity(evaluation))
    assert math.isnan(perplexity(evaluation._replace(loss=math.nan)))


def test_one_metric_needs_no_list() -> None:
    assert as_metrics(accuracy) == [accuracy]
    assert [metric.name for metric in as_metrics(f1_score)] == ["f1_score"]
    assert [metric.name for metric in as_metrics([accuracy, partial(f1_score)])] == [
        "accuracy",
        "f1_score",
    ]


def test_a_metric_of_labels_is_refused_where_there_are_none() -> None:
    with pytest.raises(DataError, match="f1_score reads labels"):
        as_metrics([accuracy, f1_score], labelled=False)
    assert as_metrics(Metric("half", lambda evaluation: 0.5), labelled=False)[0].name == "half"


@pytest.mark.parametrize("given", [["accuracy"], "accuracy", [0.5]])
def test_what_is_no_metric_is_refused(given: Any) -> None:
    with pytest.raises(DataError, match="A metric is"):
        as_metrics(given)
