"""How the threads of a program wait for each other."""

from __future__ import annotations

from collections.abc import MutableMapping

POLICY = "OMP_WAIT_POLICY"
# The second is of GNU's OpenMP, PyTorch's on Linux: so many turns awake, some microseconds, and
# only then asleep.
WAITING = {POLICY: "passive", "GOMP_SPINCOUNT": "1000"}


def wait_briefly(environment: MutableMapping[str, str]) -> None:
    """Let threads wait for a moment awake and then asleep, unless the user chose a policy.

    Threads of an LSTM wait for each other at every time step. Where they stay awake, as by default,
    they take cores from other programs and so from the thread they wait for; where they sleep at
    once, waking them takes time at every step. `python -m benchmarks waiting` measures both.

    Args:
        environment: variables of the process. OpenMP reads them once, when torch is imported.
    """
    if POLICY in environment:
        return
    for name, value in WAITING.items():
        environment.setdefault(name, value)
