"""How much each class counts in training, from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from steadfit.core.checks import number
from steadfit.core.errors import DataError
from steadfit.training.class_weights import balanced_weights


def class_weights_of(
    given: str | Mapping[str, float] | None, classes: Sequence[str], counts: ArrayLike
) -> Tensor | None:
    """Return a weight for each class (classes,), or None for one each.

    Args:
        given: "balanced", or numbers by class; a class that is not named counts one, as in
            scikit-learn. Balanced are those that occur; one that never does counts one.
        classes: in the order of the weights.
        counts: how often each occurs among what is trained on, (classes,).

    Raises:
        DataError: a name that is no class, a number below zero, or zeros alone.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        counts = np.asarray(counts)
        balanced = torch.ones(len(classes))
        if (there := counts > 0).any():
            balanced[torch.from_numpy(there)] = balanced_weights(counts[there])
        return balanced
    if unknown := sorted(set(given) - set(classes)):
        raise DataError(
            f"class_weight names {', '.join(map(repr, unknown))}; the classes are "
            f"{', '.join(map(repr, classes))}."
        )
    weights = [number(f"class_weight of {name!r}", given.get(name, 1.0)) for name in classes]
    if not any(weights):
        raise DataError(
            "class_weight is zero for every class; give one of them at least a number above it."
        )
    return torch.tensor(weights)
