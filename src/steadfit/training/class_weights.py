"""How much each class counts, so that rare ones are learned as well as common ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from steadfit.core.errors import DataError


def balanced_weights(counts: ArrayLike) -> Tensor:
    """Return a weight for each class (classes,), float32: n / (classes · count).

    As scikit-learn's `class_weight="balanced"` (King & Zeng, 2001): all classes together weigh the
    same. Where documents may have several classes, n is the number of labels and not of documents.

    Args:
        counts: how often each class occurs among what is trained on, (classes,).

    Raises:
        DataError: a class never occurs, or these are no counts.
    """
    given = counts.detach().cpu().numpy() if isinstance(counts, Tensor) else np.asarray(counts)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu" or given.min() < 0:
        raise DataError(
            f"Counts are {counts!r}; accepted is one whole number from zero for each class."
        )
    if not given.all():
        missing = ", ".join(map(str, np.flatnonzero(given == 0)))
        raise DataError(
            f"Class {missing} does not occur among what is trained on, so no weight would balance "
            "it; leave the class out, or give the weights yourself."
        )
    whole = given.astype(np.float64)
    return torch.from_numpy(whole.sum() / (len(whole) * whole)).float()


def checked_class_weights(weights: Tensor, classes: int) -> Tensor:
    """Return weights of classes as float32.

    Raises:
        DataError: they are not one finite number from zero for each class, or are all zero.
    """
    if not isinstance(weights, Tensor) or weights.is_complex() or weights.shape != (classes,):
        raise DataError(
            f"class_weights is {weights!r}; accepted is a tensor of {classes} numbers, one for "
            "each class."
        )
    kept = weights.detach().float()
    if not torch.isfinite(kept).all() or (kept < 0).any() or not kept.any():
        raise DataError(
            f"class_weights are {kept.tolist()}; accepted are finite numbers from zero on, one of "
            "them above it."
        )
    return kept
