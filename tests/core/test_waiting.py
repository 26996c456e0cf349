"""How threads are told to wait for each other, as OpenMP's own description names it."""

from __future__ import annotations

import pytest

from steadfit.core.waiting import wait_briefly


def test_threads_turn_for_a_moment_and_then_sleep() -> None:
    environment = {"HOME": "/home/ada"}
    wait_briefly(environment)
    assert environment == {
        "HOME": "/home/ada",
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "1000",
    }


@pytest.mark.parametrize(
    "chosen",
    [{"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}],
)
def test_what_a_user_chose_stays(chosen: dict[str, str]) -> None:
    environment = dict(chosen)
    wait_briefly(environment)
    assert environment == chosen


def test_a_number_of_turns_that_a_user_chose_stays() -> None:
    environment = {"GOMP_SPINCOUNT": "20"}
    wait_briefly(environment)
    assert environment["GOMP_SPINCOUNT"] == "20"
