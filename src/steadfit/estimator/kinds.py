"""The kinds of label: strings, whole numbers, whole floats and truth values; and their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

from steadfit.core.checks import shown
from steadfit.core.errors import DataError

# `str` itself would ask an Enum of strings for its own name; and -0.0 is 0.0.
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "str": str.__str__,
    "int": int,
    "float": lambda value: float(value) + 0.0,
    "bool": bool,
}
_READ: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda name: name == "True",
}


def kind_of(values: Iterable[Any]) -> str:
    """Return the one kind of all values: "str", "int", "float" or "bool"; of none it is "str".

    Raises:
        DataError: several kinds, or a value of none of them.
    """
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1:
        raise DataError(
            f"Labels are of several kinds ({', '.join(sorted(kinds))}); give all of one: strings, "
            "whole numbers or truth values."
        )
    return kinds.pop() if kinds else "str"


def plain_of(kind: str) -> Callable[[Any], Any]:
    """Return what makes a label of this kind one of Python's own types."""
    return _PLAIN[kind]


def name_of(value: Any) -> str:
    """Return a label's name, by which `value_of` gives it back."""
    kind = _kind(value)
    plain: Any = _PLAIN[kind](value)
    return plain if kind == "str" else repr(plain)


def value_of(kind: str, name: str) -> Any:
    """Return the label that has this name among those of a kind."""
    return _READ[kind](name)


def text_of(value: Any) -> str:
    """Return a label as a table on disk holds it: "1" for 1 and for 1.0."""
    return str(int(value)) if _kind(value) == "float" else name_of(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "str"
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, Integral):
        return "int"
    if isinstance(value, Real) and float(value).is_integer():
        return "float"
    what = "a continuous target" if isinstance(value, Real) else type(value).__name__
    raise DataError(
        f"Unknown label type: {shown(value)} ({what}); labels are strings, whole numbers or truth "
        "values. Make strings of others."
    )
