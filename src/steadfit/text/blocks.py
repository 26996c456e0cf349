"""A text that comes in blocks, cut again where no rule of the tokenizer reaches across."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from steadfit.text.fields import FieldText

_NEAR_THE_END = 4000  # characters; most texts have a place within a few words
_LONGEST = 100  # letters of a plain word, so that a place is found without looking far back

# Between the second and the third of three whole plain words, one space between each, no word the
# same as the one before. Replacements need a sign other than letters and digits on one side of a
# space, and a repetition of words needs the same word twice in a row, up to its last one. What is
# cut off the second word where it has four of a character in a row might be such a word.
_WORD = rf"[^\W_]{{1,{_LONGEST}}}"
_PLACE = re.compile(
    rf"(?<!\S)(?P<first>{_WORD}) (?!(?P=first) )(?!\w*(?P<same>\w)(?P=same){{3}})"
    rf"(?P<second>{_WORD}) (?!(?P=second)\s){_WORD}(?=\s)"
)
_REACH = 3 * _LONGEST + 3  # characters: three words, two spaces, and what stands before them


def parts_of(blocks: Iterable[str]) -> Iterator[str]:
    """Yield the text that `blocks` are, in parts whose tokens are, one after the other, its tokens.

    A part ends within the last block it has a piece of; only of a text without three plain words in
    a row more is held. The space at a cut is left out. Every character is searched a few times at
    most, however much is held. Parts of a `FieldText` are such texts.
    """
    held: list[str] = []  # what no place can be in, whatever follows
    rest = ""
    kind: type[str] = str
    for block in blocks:
        kind = FieldText if isinstance(block, FieldText) else kind
        rest += block
        if end := _last_place(rest, 1 if held else 0):
            yield kind("".join([*held, rest[:end]]))
            held, rest = [], rest[end + 1 :]
        elif len(rest) > _REACH:
            held.append(rest[:-_REACH])
            rest = rest[-_REACH:]
    yield kind("".join([*held, rest]))


def _last_place(text: str, begin: int) -> int:
    """Return where the last space is that can be cut at; 0 if there is none."""
    for start in (max(begin, len(text) - _NEAR_THE_END), begin):
        place = 0
        for match in _PLACE.finditer(text, start):
            place = match.end("second")
        if place:
            return place
    return 0
