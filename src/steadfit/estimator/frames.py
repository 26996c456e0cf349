"""Data frames of whatever library, known by their columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from steadfit.core.checks import shown
from steadfit.core.errors import DataError


def columns_of(given: Any, what: str) -> list[Any] | None:
    """Return the names of a data frame's columns; None of anything else.

    Args:
        given: whatever was given.
        what: it is called in messages.

    Raises:
        DataError: a frame that is not read yet.
    """
    if type(given).__name__ == "LazyFrame":
        raise DataError(
            f"{what} are a LazyFrame, which is still to be read; a data frame is accepted: give "
            "frame.collect()."
        )
    return list(given.columns) if hasattr(given, "columns") else None


def refuse_twice(names: Sequence[Any]) -> None:
    """Check that no column has the name of another.

    Raises:
        DataError: some have; they are named.
    """
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"Several columns of labels are named {shown(twice)}; a class is one column. Rename "
            "them, or leave all but one out."
        )
