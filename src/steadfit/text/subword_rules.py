"""The rules of ULMFiT for subwords, made so that each can be undone.

A text becomes chunks (what stands between white space), and a chunk items: parts, which are cut
into pieces, and markers. A part is a word or a run of punctuation; no piece crosses its ends. The
first part of a chunk begins with a space.

- `xxmaj` and `xxup` stand before a word that is written in lower case behind them, where that
  gives back the word; other words keep the case they have, and so do single letters.
- `xxrep`, a number and a character, with a space before it, stand for a run of that character.
- `xxwrep` and a number stand for equal chunks in a row; their first one follows.
- `xxfld` stands before the number of a field, a chunk of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from steadfit.text.rules import FLD
from steadfit.text.vocab import BOS, MARKERS, UNK

_NAMES = ("xxfld", "xxmaj", "xxup", "xxrep", "xxwrep")
_FLD, _MAJ, _UP, _REP, _WREP = map(MARKERS.index, _NAMES)
_WRITTEN = {UNK: "xxunk", _FLD: " xxfld"}  # what is not lost where markers are undone
_MARKER_SET = frozenset(MARKERS)
_FEWEST = 4  # of the same character or chunk are written as a number
_MOST_CHARACTERS, _MOST_CHUNKS = 9999, 999  # so that no drawn number can fill the memory

# Punctuation and signs of the scripts that have their own, without the joiners, which are parts of
# words. Other signs are taken for letters, which costs a piece or two and loses nothing.
_SIGNS = (
    r"!-/:-@\[-`{-~\xa1-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf×÷\u05be\u05c3\u060c\u061b\u061f\u06d4"
    r"\u0964\u0965\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020"
    r"\u3030\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
)
# An apostrophe inside a word belongs to it. The bounds keep parts short in texts without spaces.
_WORD = rf"[^\s{_SIGNS}]{{1,256}}(?:['’][^\s{_SIGNS}]{{1,256}}){{0,3}}"
_PARTS = re.compile(rf"{_WORD}|[{_SIGNS}]{{1,256}}")
_FIRST_WORD = re.compile(rf"( ?)({_WORD})")
_RUN = re.compile(rf"(\S)\1{{{_FEWEST - 1},{_MOST_CHARACTERS - 1}}}")
_RUN_WRITTEN = re.compile(r"( ?)([0-9]{1,4}) (\S)")
_AGAIN = "\t"  # stands for xxwrep in a text that has no other white space than " " and "\n"
_AGAIN_WRITTEN = re.compile(rf"{_AGAIN} ?([0-9]{{1,3}})( \S+)")


def items_of(chunk: str) -> Iterator[str | int]:
    """Yield the items of a chunk: parts as strings, markers as ids.

    A word that equals a marker becomes the id UNK: only rules make markers.

    Example:
        >>> [item if isinstance(item, str) else MARKERS[item] for item in items_of("LOVED!!!!")]
        ['xxup', ' loved', 'xxrep', '4', ' !']
    """
    if chunk == FLD:
        yield _FLD
        return
    space, begin = " ", 0
    for run in _RUN.finditer(chunk):
        yield from _parts(chunk[begin : run.start()], space)
        space = "" if run.start() else space
        yield from (_REP, f"{space}{len(run[0])}", f" {run[1]}")
        space, begin = "", run.end()
    yield from _parts(chunk[begin:], space)


def without_repeats(chunks: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield each chunk with the number of times it stands there, in words where that is few."""
    for chunk, same in groupby(chunks):
        count = sum(1 for _ in same)
        while count >= _FEWEST:
            yield min(count, _MOST_CHUNKS), chunk
            count -= min(count, _MOST_CHUNKS)
        for _ in range(count):
            yield 1, chunk


def repeat_items(count: int) -> tuple[int, str]:
    """Return the items that stand before a chunk that is there `count` times."""
    return _WREP, f" {count}"


def undo(items: Iterable[str | int]) -> str:
    """Return the text of parts, cut anywhere, and marker ids; what fits nowhere leaves no trace.

    A text begins with a space unless `xxbos` stands before it.
    """
    text = ""
    starts = False
    written: list[str] = []
    marker: int | None = None
    for item in (*items, -1):  # one more, so that the last ones are written
        if isinstance(item, str):
            text += item
            continue
        written.append(_undone(marker, text))
        text = _WRITTEN.get(item, "")
        marker = item
        starts = starts or (item == BOS and not any(written))
    whole = "".join(written)
    whole = _AGAIN_WRITTEN.sub(lambda m: m[2] * int(m[1]), whole).replace(_AGAIN, "")
    whole = whole.replace("\n ", "\n")
    return whole.removeprefix(" ") if starts else whole


def _undone(marker: int | None, text: str) -> str:
    if marker in (_MAJ, _UP) and (match := _FIRST_WORD.match(text)):
        word = match[2].upper() if marker == _UP else _capitalized(match[2])
        return f"{match[1]}{word}{text[match.end() :]}"
    if marker == _REP and (match := _RUN_WRITTEN.match(text)):
        return f"{match[1]}{match[3] * int(match[2])}{text[match.end() :]}"
    return _AGAIN + text if marker == _WREP else text


def _parts(text: str, space: str) -> Iterator[str | int]:
    for part in _PARTS.findall(text):
        lower = part.lower()
        if lower in _MARKER_SET:
            if space:
                yield space
            yield UNK
        elif lower == part or len(part) == 1 or len(lower) != len(part):
            yield space + part
        elif _capitalized(lower) == part:
            yield from (_MAJ, space + lower)
        elif lower.upper() == part:
            yield from (_UP, space + lower)
        else:
            yield space + part
        space = ""


def _capitalized(word: str) -> str:
    return word[0].upper() + word[1:]
