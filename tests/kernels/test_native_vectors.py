"""Where there is AMX: the kernels as a processor without it gets them pass the same tests."""

from __future__ import annotations

import pytest

from steadfit.kernels import native_library
from tests.kernels.test_native_cross_entropy import (  # noqa: F401
    test_loss_and_gradients_are_those_of_rounded_inputs_in_float64,
    test_scores_are_loss_and_hit_of_each_token,
)
from tests.kernels.test_native_int8 import (  # noqa: F401
    test_values_are_those_of_rounded_weights_and_near_those_of_whole_ones,
)
from tests.kernels.test_native_lstm import (  # noqa: F401
    test_a_row_is_the_same_to_the_bit_alone_and_in_any_batch_and_place,
    test_values_and_gradients_are_as_near_to_the_exact_ones_as_those_of_pytorch_in_bfloat16,
)

pytestmark = [
    pytest.mark.usefixtures("native", "unknown", "without_amx"),
    pytest.mark.skipif(
        not native_library.has_amx(), reason="without AMX all other tests are of these kernels"
    ),
]


@pytest.fixture
def without_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor have vectors alone."""
    monkeypatch.setattr(native_library, "has_amx", lambda: False)
