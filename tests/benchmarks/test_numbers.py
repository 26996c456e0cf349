"""What the benchmarks of bfloat16 and int8 make of perplexities and probabilities."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bf16, engines
from benchmarks._results import reached
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


@pytest.mark.parametrize(
    ("bfloat16", "over_noise", "over_allowed"),
    [
        ([101.0, 103.0, 105.0], 0.5, 0.5),  # the noise is 2, and 0.5 % are 0.51
        ([98.0, 100.0, 102.0], 1.0, 1.0),
        ([106.0, 108.0, 110.0], 3.0, 3.0),
    ],
)
def test_a_difference_in_perplexity_is_held_against_the_noise(
    bfloat16: list[float], over_noise: float, over_allowed: float
):
    report = bf16.compare([100.0, 102.0, 104.0], bfloat16)
    assert report.figures["noise"] == 2.0
    assert report.figures["difference_over_noise"] == over_noise
    assert report.figures["difference_over_allowed"] == over_allowed
    assert reached(report) == {"difference_over_allowed": over_allowed <= 1}


def test_half_a_per_cent_is_allowed_where_seeds_agree():
    report = bf16.compare([100.0, 100.0, 100.0], [100.25, 100.0, 100.5])
    assert report.figures["difference_percent"] == 0.25
    assert report.figures["difference_over_noise"] is None
    assert report.figures["difference_over_allowed"] == 0.5


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
