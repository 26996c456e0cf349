"""Steps as columns of numbers, and back."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steadfit.training.history import StepRecord, as_columns, of_columns

numbers = st.floats(allow_nan=False)
penalties = st.dictionaries(st.sampled_from(["ar", "tar", "norm"]), numbers)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, penalties)))
def test_steps_come_back_from_their_columns_to_the_bit(rows: list[tuple[float, ...]]) -> None:
    steps = [StepRecord(number, *row) for number, row in enumerate(rows)]
    columns = as_columns(steps)
    assert {(column.dtype, len(column)) for column in columns.values()} == {
        (torch.float64, len(steps))
    }
    assert of_columns(columns) == steps


def test_columns_that_are_missing_or_of_another_length_are_refused() -> None:
    columns = as_columns([StepRecord(0, 0.1, 0.9, 2.0, 2.0, {"ar": 1.0})])
    with pytest.raises(ValueError, match="longer"):
        of_columns({**columns, "loss": torch.zeros(2)})
    del columns["loss"]
    with pytest.raises(LookupError):
        of_columns(columns)
