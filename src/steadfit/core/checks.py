"""Arguments compared with what is accepted, before anything is done with them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from steadfit.core.errors import DataError

LARGEST = 2**31 - 1
LARGEST_SEED = 2**63 - 1


def whole_number(name: str, value: Any, least: int = 0, largest: int = LARGEST) -> int:
    """Return `value` as an int.

    Raises:
        DataError: it is no whole number (True is none), or outside of the range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise DataError(f"{name} is {shown(value)}; accepted is a whole number from {least}.")
    whole = int(value)
    if not least <= whole <= largest:
        upper = f" to {largest}" if whole > largest else ""
        raise DataError(
            f"{name} is {shown(value)}; accepted is a whole number from {least}{upper}."
        )
    return whole


def number(name: str, value: Any, least: float = 0.0) -> float:
    """Return `value` as a float.

    Raises:
        DataError: it is no finite number, or below `least`.
    """
    if is_number(value) and math.isfinite(value) and value >= least:
        return float(value)
    raise DataError(f"{name} is {shown(value)}; accepted is a number from {least:g}.")


def several_texts(texts: Any) -> Any:
    """Return `texts`, which are to be gone through one by one; each is looked at where it is read.

    Raises:
        DataError: they are one string, whose letters are no texts, or nothing to go through.
    """
    if isinstance(texts, str):
        raise DataError("One string was given; give a list of texts.")
    if not isinstance(texts, Iterable):
        raise DataError(f"texts is {shown(texts)}; give a list of texts.")
    return texts


def is_number(value: Any) -> bool:
    """Tell whether `value` is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def yes_or_no(name: str, value: Any) -> bool:
    """Return `value`, which must be True or False.

    Raises:
        DataError: it is something else.
    """
    if isinstance(value, bool):
        return value
    raise DataError(f"{name} is {shown(value)}; accepted are True and False.")


def a_path(name: str, value: Any) -> Path:
    """Return `value` as a path.

    Raises:
        DataError: it is no path, or holds a NUL, which no path can.
    """
    if not isinstance(value, (str, os.PathLike)) or "\0" in str(value):
        raise DataError(f"{name} is {shown(value)}; accepted are paths, as a string or a Path.")
    return Path(value)


def existing(path: Path) -> Path:
    """Return a path of something that is there.

    Raises:
        DataError: nothing is, or the system does not look: the name is too long, say.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path} does not exist") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return path


def shown(value: Any) -> str:
    """Return `value` for a message, short whatever it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
