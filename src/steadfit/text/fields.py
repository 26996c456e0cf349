"""Several texts of one document, such as title and body, as one text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import SupportsIndex

from steadfit.core.checks import shown
from steadfit.core.errors import DataError

FIELD = "xxfld"

_MARKER = re.compile(rf"(?<!\S){FIELD}(?!\S)")
_NUMBERED = re.compile(rf"(?<!\S){FIELD} [0-9]+(?!\S)")


class FieldText(str):
    """A text whose words `xxfld` are markers, and not something that somebody wrote.

    Only its class says so, so that no text can bring in the marker. A part of it, a copy and what a
    pickle gives back are of the class; what else is made of it, as by `+`, is a text like others.
    """

    __slots__ = ()

    def __getitem__(self, key: SupportsIndex | slice) -> FieldText:
        return FieldText(super().__getitem__(key))

    def between_markers(self) -> list[str]:
        """Return what stands before, between and behind the markers."""
        return _MARKER.split(self)

    def without_markers(self) -> str:
        """Return the text without markers and their numbers."""
        return _NUMBERED.sub("", self)


def join_fields(texts: Sequence[str]) -> str:
    """Return one text as it stands, several as the FieldText "xxfld 1 ... xxfld 2 ...".

    The form is that of fastai 1 (`mark_fields=True`). An empty field keeps its number, so that a
    field is known by it whatever else is missing. Where a field's own text holds the marker,
    `xxunk` stands for it, as the tokenizers have it.
    """
    if len(texts) == 1:
        return texts[0]
    own = (text.replace(FIELD, "xxunk") for text in texts)
    return FieldText(" ".join(f"{FIELD} {number} {text}" for number, text in enumerate(own, 1)))


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
