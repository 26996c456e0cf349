"""How much each text counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.core.errors import DataError


def weights_of(given: Any, texts: int) -> NDArray[np.float64]:
    """Return one weight a text, (texts,).

    Raises:
        DataError: no numbers, another count of them, below zero or not finite, or zeros alone.
    """
    try:
        numbers = np.asarray(given)
    except ValueError:  # of numpy, which makes no array of rows of different lengths
        numbers = np.empty((), dtype=object)
    if numbers.dtype.kind not in "biuf" or numbers.ndim != 1:
        raise DataError(
            f"sample_weight has the shape {numbers.shape} and holds {numbers.dtype}; one number a "
            "text is needed."
        )
    if len(numbers) != texts:
        raise DataError(
            f"{texts:,} texts and {len(numbers):,} sample weights were given; one for each is "
            "needed."
        )
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise DataError(
            f"sample_weight goes from {numbers.min():g} to {numbers.max():g}; accepted are finite "
            "numbers from zero on."
        )
    if not numbers.any():
        raise DataError("All sample weights are zero; give one text at least a positive one.")
    return numbers.astype(np.float64)
