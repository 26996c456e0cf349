"""How much each class counts in training, from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
            scikit-learn.
        classes: in the order of the weights.
        counts: how often each occurs among what is trained on, (classes,).

    Raises:
        DataError: a name that is no class, or a number below zero.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return balanced_weights(counts)
    if unknown := sorted(set(given) - set(classes)):
        raise DataError(
            f"class_weight names {', '.join(map(repr, unknown))}; the classes are "
            f"{', '.join(map(repr, classes))}."
        )
    weights = [number(f"class_weight of {name!r}", given.get(name, 1.0)) for name in classes]
    return torch.tensor(weights)
