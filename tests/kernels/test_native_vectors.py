"""The kernels as a lesser processor gets them pass the same tests."""

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

pytestmark = pytest.mark.usefixtures("native", "unknown", "lesser")
LESSER = native_library.ways()[1:]


@pytest.fixture(params=LESSER or ["none"])
def lesser(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the processor have no better way to multiply than this one."""
    if not LESSER:
        pytest.skip("all other tests are of the only way to multiply that there is here")
    monkeypatch.setattr(native_library, "ways", lambda: (request.param,))
