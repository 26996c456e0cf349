"""Where an increasing function crosses zero."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from steadfit.core.bisection import crossing


@given(st.floats(-50, 50), st.floats(0.01, 100), st.floats(0, 100))
def test_no_number_lies_between_the_answer_and_the_last_one_below(
    zero: float, below: float, above: float
) -> None:
    found = crossing(lambda x: x - zero, zero - below, zero + above)
    assert found - zero >= 0 > math.nextafter(found, -math.inf) - zero


def test_a_step_is_found_where_it_is() -> None:
    assert crossing(lambda x: 1.0 if x >= 0.3 else -1.0, 0.0, 1.0) == 0.3
