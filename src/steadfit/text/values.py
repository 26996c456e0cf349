"""What readers accept as a text, a label and a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from steadfit.core.errors import DataError


def text_value(value: Any, place: str) -> str:
    """Return `value` if it is a string that can be written as UTF-8; `place` is for the error."""
    if not isinstance(value, str):
        kind = "missing" if is_missing(value) else f"{_short(value)} ({type(value).__name__})"
        raise DataError(f"{place}: the text is {kind}; a string is accepted (it may be empty)")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: character {error.start} of the text is half of a surrogate pair "
            f"(U+{ord(value[error.start]):04X}), which no file can hold; repair the text"
        ) from error
    return value


def label_value(value: Any, place: str, column: str = "label") -> str:
    """Return a label or group as a string: "1" for 1 and for 1.0.

    Whole floats lose their ".0", because a frame turns whole numbers into floats as soon as one
    value of the column is missing, and the class must not change its name for that.
    """
    if is_missing(value) or value == "":
        raise DataError(
            f"{place}: the {column} is missing; leave the row out, give it a {column}, "
            f"or name no {column} column"
        )
    if not isinstance(value, str) and hasattr(value, "__len__"):
        raise DataError(
            f"{place}: the {column} is {_short(value)} ({type(value).__name__}); "
            "one string or number is accepted"
        )
    if isinstance(value, Real) and not isinstance(value, Integral) and float(value).is_integer():
        return str(int(float(value)))
    return text_value(str(value), place)


def is_set_of_labels(value: Any) -> bool:
    """Return whether these are the labels of a document that may have several, or none."""
    return isinstance(value, (list, tuple, set, frozenset))


def names_of(label: Any) -> tuple[str, ...]:
    """Return the labels of a document: one, or those of a tuple."""
    return (label,) if isinstance(label, str) else tuple(label)


def column_index(columns: Sequence[Any], wanted: str | int, place: str) -> int:
    """Return where the column stands that `wanted` names, or numbers from 0.

    Raises:
        DataError: when it is not there, or when several have that name.
    """
    found = [index for index, name in enumerate(columns) if name == wanted]
    if len(found) > 1:
        raise DataError(
            f"{place}: {len(found)} columns are named {wanted!r}; rename them, "
            f"or give the number of one: {found}"
        )
    if found:
        return found[0]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < len(columns):
        return wanted
    names = ", ".join(repr(name) for name in columns) or "none"
    raise DataError(
        f"{place}: no column {wanted!r}; the columns are {names} "
        f"(or give a number from 0 to {len(columns) - 1})"
    )


def is_missing(value: Any) -> bool:
    """Return whether a table means "nothing here": None, NaN, or a frame's own mark."""
    if isinstance(value, Real):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def refuse_other_labels(labels: Sequence[Any], classes: Iterable[str]) -> None:
    """Check that every label, or each of a document's labels, is one of the classes.

    Raises:
        DataError: some are not; they are counted and named.
    """
    known = set(classes)
    wrong = [label for label in labels if not known.issuperset(names_of(label))]
    if wrong:
        others = Counter(name for label in wrong for name in names_of(label) if name not in known)
        shown = ", ".join(f"{name!r}: {count:,}" for name, count in sorted(others.items())[:10])
        raise DataError(
            f"{len(wrong):,} of {len(labels):,} documents have labels outside the "
            f"classes {sorted(known)} ({shown}): add these to classes=, or leave such documents "
            "out."
        )
