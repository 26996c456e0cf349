"""What holds for every baseline: what it refuses, what it counts, what its scores mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from steadfit.core.errors import DataError
from steadfit.report.baseline import tfidf_baseline
from steadfit.report.baseline_task import BaselineResult
from steadfit.report.nbsvm import nbsvm_baseline

Baseline = Callable[..., BaselineResult]

TRAIN = ["a good film", "good and warm", "not good at all", "bad film", "not bad at all", "bad"]
LABELS = ["pos", "pos", "neg", "neg", "pos", "neg"]

each_baseline = pytest.mark.parametrize("baseline", [tfidf_baseline, nbsvm_baseline])


@each_baseline
def test_from_two_thousand_documents_on_what_occurs_once_is_left_out(baseline: Baseline) -> None:
    def predict(documents: int) -> list[object]:
        # "zzz" occurs once; what else occurs once is of the other class.
        once = ["zzz", *(f"word{i}" for i in range(9))]
        many = ["dull"] * 1_200 + ["warm"] * 800
        texts = once + many[: documents - len(once)]
        labels = [int(text in ("zzz", "warm")) for text in texts]
        return [baseline(texts, labels, [text], [1]).scores.tolist() for text in ("zzz", "yyy")]

    of_once, of_never = predict(1_999)
    assert of_once != of_never
    of_once, of_never = predict(2_000)
    assert of_once == of_never


@each_baseline
@pytest.mark.parametrize("labels", [LABELS, ["b", "c", "a", "a", "b", "c"]])
def test_the_class_of_the_largest_score_is_predicted(baseline: Baseline, labels: list[str]) -> None:
    result = baseline(TRAIN, labels, TRAIN, labels)
    assert result.scores.shape == (len(TRAIN), len(set(labels)))
    assert result.classes == list(dict.fromkeys(labels))
    best = [result.classes[row.index(max(row))] for row in result.scores.tolist()]
    assert result.predictions == best
    assert result.accuracy == sum(map(str.__eq__, best, labels)) / len(labels)
    assert result.seconds > 0


@each_baseline
def test_labels_may_be_anything_that_can_be_told_apart(baseline: Baseline) -> None:
    of_names = baseline(TRAIN, LABELS, TRAIN, LABELS)
    pairs = {"pos": (1, None), "neg": (0, "x")}
    of_pairs = baseline(
        TRAIN, [pairs[label] for label in LABELS], TRAIN, [pairs[label] for label in LABELS]
    )
    assert of_pairs.predictions == [pairs[str(label)] for label in of_names.predictions]
    assert of_pairs.accuracy == of_names.accuracy


@each_baseline
@pytest.mark.parametrize(
    ("train", "labels", "test", "answers", "message"),
    [
        (TRAIN, LABELS[:-1], ["good"], ["pos"], "6 training texts and 5 training labels"),
        (TRAIN, LABELS, ["good"], [], "1 test texts and 0 test labels"),
        (["a b", "good"], ["pos", "pos"], ["good"], ["pos"], "1 classes"),
        (TRAIN, LABELS, [], [], "0 test texts"),
        (["a", "!"], ["pos", "neg"], ["good"], ["pos"], "nothing to count"),
    ],
)
def test_what_cannot_be_learned_or_judged_is_refused(
    baseline: Baseline,
    train: list[str],
    labels: list[str],
    test: list[str],
    answers: list[str],
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        baseline(train, labels, test, answers)
