"""Weights of classes, from what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from steadfit.core.errors import DataError
from steadfit.recipe.weights import class_weights_of


def test_balanced_are_the_classes_that_occur() -> None:
    labels = np.repeat([0, 2], [30, 10])
    wanted = compute_class_weight("balanced", classes=np.array([0, 2]), y=labels)
    found = class_weights_of("balanced", "abc", np.bincount(labels, minlength=3))
    assert found is not None
    np.testing.assert_allclose(found.numpy(), [wanted[0], 1.0, wanted[1]], rtol=1e-6)


def test_where_no_class_occurs_each_weighs_one() -> None:
    found = class_weights_of("balanced", "ab", [0, 0])
    assert found is not None
    assert found.tolist() == [1.0, 1.0]


def test_a_class_that_is_not_named_weighs_one() -> None:
    found = class_weights_of({"b": 3}, "abc", [5, 5, 5])
    assert found is not None
    assert found.tolist() == [1.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 0, "b": 0}, "zero for every class"),
        ({"a": -1}, "class_weight of 'a'"),
        ({"z": 1}, "names 'z'; the classes are 'a', 'b'"),
    ],
)
def test_weights_that_are_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_weights_of(given, "ab", [1, 1])
