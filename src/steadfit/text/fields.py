"""Several texts of one document, such as title and body, as one text."""

from __future__ import annotations

from collections.abc import Sequence

from steadfit.core.checks import shown
from steadfit.core.errors import DataError

FIELD = "xxfld"


def join_fields(texts: Sequence[str]) -> str:
    """Return one text as it stands, several as "xxfld 1 ... xxfld 2 ...".

    The form is that of fastai 1 (`mark_fields=True`). An empty field keeps its number, so that a
    field is known by it whatever else is missing.
    """
    if len(texts) == 1:
        return texts[0]
    return " ".join(f"{FIELD} {number} {text}" for number, text in enumerate(texts, start=1))


def text_columns(text: object) -> tuple[str, ...]:
    """Return the columns that hold a document's text: one name, or a sequence of them.

    Raises:
        DataError: none is named, one is no string, or one is named twice.
    """
    names = (text,) if isinstance(text, str) else text
    if not isinstance(names, Sequence) or not names:
        raise DataError(f"text is {shown(text)}; a column's name or a list of them is accepted")
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"text holds {shown(name)}; names of columns are accepted")
    if len(set(names)) < len(names):
        raise DataError(f"text names a column twice: {shown(list(names))}")
    return tuple(names)
