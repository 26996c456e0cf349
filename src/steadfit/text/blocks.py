"""A text that comes in blocks, cut again where no rule of the tokenizer reaches across."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NEAR_THE_END = 4000  # characters; most texts have a place within a few words

# Between the second and the third of three whole plain words, one space between each, no word the
# same as the one before. Replacements need a sign other than letters and digits on one side of a
# space, and a repetition of words needs the same word twice in a row, up to its last one.
_PLACE = re.compile(r"(?<!\S)([^\W_]+) (?!\1 )([^\W_]+) (?!\2\s)[^\W_]+(?=\s)")


def parts_of(blocks: Iterable[str]) -> Iterator[str]:
    """Yield the text that `blocks` are, in parts whose tokens are, one after the other, its tokens.

    A part ends within the last block it has a piece of; only of a text without three plain words in
    a row more is held. The space at a cut is left out.
    """
    held = ""
    for block in blocks:
        held += block
        end = _last_place(held)
        if end:
            yield held[:end]
            held = held[end + 1 :]
    yield held


def _last_place(text: str) -> int:
    """Return where the last space is that can be cut at; 0 if there is none."""
    for start in (max(0, len(text) - _NEAR_THE_END), 0):
        place = 0
        for match in _PLACE.finditer(text, start):
            place = match.end(2)
        if place:
            return place
    return 0
