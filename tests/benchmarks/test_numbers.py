"""What the benchmarks of bfloat16 and int8 make of perplexities and probabilities."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import sem, ttest_1samp

from benchmarks import bf16, engines
from benchmarks._results import RESULTS, reached
from benchmarks._statistics import exact_mcnemar


@given(st.integers(0, 6), st.integers(0, 6))
def test_mcnemars_p_is_the_share_of_coin_tosses_that_are_no_less_uneven(a: int, b: int):
    tosses = [sum(toss) for toss in product((0, 1), repeat=a + b)]
    uneven = [abs(2 * heads - (a + b)) >= abs(a - b) for heads in tosses]
    assert math.isclose(exact_mcnemar(a, b), sum(uneven) / len(uneven))


def test_mcnemars_p_of_many_documents_is_a_number():
    assert exact_mcnemar(2000, 2000) == 1.0
    assert exact_mcnemar(0, 1000) == 2.0**-999
    assert 0.04 < exact_mcnemar(1937, 2063) < 0.05  # two standard deviations


@given(st.lists(st.tuples(*[st.floats(50, 200)] * 2), min_size=2, max_size=9))
def test_perplexities_are_compared_pair_by_pair_as_by_students_t(pairs: list[tuple[float, float]]):
    differences = [100 * (b - a) / a for a, b in pairs]
    assume(np.std(differences) > 1)
    figures = bf16.compare(*zip(*pairs, strict=True)).figures
    tested = ttest_1samp(differences, 0)
    low, high = tested.confidence_interval(0.95)
    assert figures["difference_percent"] == pytest.approx((low + high) / 2, abs=0.01)
    assert figures["smallest_shown_percent"] == pytest.approx((high - low) / 2, abs=0.01)
    assert figures["standard_error_percent"] == pytest.approx(sem(differences), abs=0.01)
    if sem(differences) > 0.5:
        over = figures["difference_over_allowed"]
        assert over == pytest.approx(abs(tested.statistic), rel=1e-3)


@pytest.mark.parametrize(("worse", "holds"), [(1.004, True), (1.006, False)])
def test_half_a_per_cent_is_allowed_where_all_pairs_are_as_far_apart(worse: float, holds: bool):
    float32 = [100.0, 150.0, 200.0]  # seeds differ much, but not the pairs
    report = bf16.compare(float32, [worse * one for one in float32])
    assert reached(report) == {"difference_over_allowed": holds}


def test_the_figures_that_are_kept_are_those_of_the_runs_that_are_kept():
    kept = json.loads((RESULTS / "bf16.json").read_text())
    figures = kept["figures"]
    report = bf16.compare(figures["perplexity_float32"], figures["perplexity_bf16"])
    assert {*report.figures, "seconds"} == {*figures}
    for name, value in report.figures.items():
        assert value == pytest.approx(figures[name], rel=1e-3, abs=0.02)  # perplexities are rounded
    assert reached(report) == kept["reached"]


def test_engines_are_compared_document_by_document():
    labels = torch.tensor([0, 0, 1, 1] * 250)
    float32 = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]] * 250)
    int8 = float32.clone()
    int8[1] = torch.tensor([0.7, 0.3])  # right now
    int8[2:7:4] = torch.tensor([0.6, 0.4])  # two that are wrong now
    report = engines.compare(labels, {"float32": float32, "int8": int8})
    figures = report.figures
    assert figures["accuracy_float32"] == 0.75
    assert figures["accuracy_int8"] == 0.749
    assert figures["points_int8"] == -0.1
    assert figures["same_labels_int8"] == 0.997
    assert figures["largest_difference_int8"] == 0.4
    assert figures["mean_difference_int8"] == pytest.approx((0.3 + 2 * 0.4) / 1000)
    assert (figures["only_int8_right"], figures["only_float32_right_not_int8"]) == (1, 2)
    assert figures["mcnemar_p_int8"] == 1.0
    assert reached(report) == {"points_bf16": None, "points_int8": True}


def test_four_tenths_of_a_point_are_too_many_to_either_side():
    labels = torch.zeros(1000, dtype=torch.long)
    whole = torch.tensor([[0.9, 0.1]] * 1000)
    worse = whole.clone()
    worse[:4] = torch.tensor([0.1, 0.9])
    for float32, int8 in ((whole, worse), (worse, whole)):
        report = engines.compare(labels, {"float32": float32, "int8": int8})
        assert reached(report)["points_int8"] is False
