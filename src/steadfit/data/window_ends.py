"""Where the windows of an epoch end: every bptt steps, or after lengths that are drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError

_WHOLE = 0.95  # how often a length is drawn around bptt, and not around its half
_DEVIATION = 5.0
_LEAST = 5
LEAST_BPTT = 2 * _LEAST  # half of it is no shorter than the shortest window


def regular_ends(steps: int, bptt: int) -> NDArray[np.int64]:
    """Return the ends, in steps, of windows of `bptt` steps that cover `steps`."""
    return np.append(np.arange(bptt, steps, bptt, dtype=np.int64), steps)


def drawn_ends(steps: int, bptt: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the ends of windows whose lengths are drawn as AWD-LSTM does.

    The length is drawn from a normal distribution of deviation 5 around `bptt` in 95 of 100
    cases, else around half of it, cut to a whole number and to 5 at least; the last window has
    what is left (Merity et al., 2017, section 4.1; numbers from the authors' code).
    """
    lengths = np.empty(0, np.int64)
    while (left := steps - int(lengths.sum())) > 0:
        number = left // bptt + 1
        around = np.where(generator.random(number) < _WHOLE, bptt, bptt / 2)
        drawn = generator.normal(around, _DEVIATION).astype(np.int64)
        lengths = np.append(lengths, np.maximum(drawn, _LEAST))
    ends = np.cumsum(lengths)
    return np.append(ends[ends < steps], steps)


def check_jitter(bptt: int) -> None:
    """Refuse a `bptt` around whose half no length can be drawn.

    Raises:
        DataError: it is too small.
    """
    if bptt < LEAST_BPTT:
        raise DataError(
            f"bptt is {bptt} and bptt_jitter is True: lengths are drawn around bptt and its half, "
            f"and none is below {_LEAST}. Give a bptt of {LEAST_BPTT} or more, or leave "
            "bptt_jitter out."
        )
