"""Texts are labelled as the classifier labels them, and read once for all columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._accuracy_reader import Reader
from steadfit.inference.decision import Decision
from steadfit.inference.ensemble import Ensemble
from tests.inference.test_ensemble import LINEAR, NAMES, TEXTS, network

BOTH = Ensemble(
    (network(0), network(1, backwards=True)), Decision(NAMES), 2.0, LINEAR, 0.25, engine="float32"
)


def test_labels_are_those_of_the_classifier_before_and_after_they_are_kept(tmp_path: Path) -> None:
    wanted = BOTH.labels(BOTH.probabilities(TEXTS))
    first = Reader(BOTH, tmp_path)
    assert first.labels(TEXTS) == wanted
    assert first.documents_per_second() > 0
    assert len(list(tmp_path.iterdir())) == 2
    assert Reader(BOTH, tmp_path).labels(TEXTS) == wanted


def test_a_column_of_one_direction_reads_what_two_directions_have_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(BOTH, tmp_path).labels(TEXTS)
    alone = replace(BOTH, networks=BOTH.networks[:1], linear=None, weight=1.0)
    wanted = alone.labels(alone.probabilities(TEXTS))
    monkeypatch.setattr(Ensemble, "mean_probabilities", None)
    assert Reader(alone, tmp_path).labels(TEXTS) == wanted
    with pytest.raises(TypeError):
        Reader(alone, tmp_path).labels(TEXTS[:2])
