"""Rows against plain Python."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.rows import checked_rows, digest_order, first_of_each

TEXTS = st.lists(st.sampled_from(["a", "b", "", "\ud800", "a long one " * 9]))


@given(TEXTS, st.integers(0, 9), st.booleans())
def test_names_are_ordered_by_all_their_digest_and_equal_ones_stay_in_order(texts, seed, alike):
    def sha256(data):  # where `alike`, digests differ late if at all, which no test could wait for
        digest = real(data).digest()
        return SimpleNamespace(digest=lambda: b"\0" * 31 + digest[:1] if alike else digest)

    real = hashlib.sha256
    digests = [sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).digest() for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "sha256", sha256)
        order = digest_order(texts, seed).tolist()
    assert order == sorted(range(len(texts)), key=digests.__getitem__)


@given(TEXTS)
def test_the_first_of_equal_texts_is_found(texts):
    assert first_of_each(texts).tolist() == sorted(
        {text: row for row, text in reversed(list(enumerate(texts)))}.values()
    )


@pytest.mark.parametrize("kind", [list, iter, np.array, lambda rows: np.array(rows, np.uint8)])
def test_rows_come_in_any_form(kind):
    assert checked_rows(kind([3, 0, 2]), 4).tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([0, 4, -1], "row 4 is not there; rows go from 0 to 3"),
        ([-1], "row -1 is not there"),
        ([2**80], "a row is not there; rows go from 0 to 3"),
        ([1, 0, 1, 0, 1], "row 1 is named 3 times"),
        ([0.5], "whole numbers"),
        (np.array([1.0]), "whole numbers"),
        (np.array([True, False]), "whole numbers"),
        (3, "whole numbers"),
    ],
)
def test_rows_that_cannot_be_taken_are_named(rows, message):
    with pytest.raises(DataError, match=message):
        checked_rows(rows, 4)
