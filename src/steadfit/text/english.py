"""English words: a piece of text without white space is split as spaCy splits it.

The rules and their order are those of spaCy's blank English tokenizer (version 3, MIT licence,
https://spacy.io/usage/linguistic-features#how-tokenizer-works), written anew: exceptions such as
`don't`; punctuation taken from both ends, one mark of each end at a time; web addresses; marks
inside a word; and last the exceptions that only show after splitting. One thing differs: spaCy
looks for the last across white space too, where a match that it then drops can hide another.

Every step takes time linear in the length of the piece.
"""

from __future__ import annotations

import re
from functools import cache

from steadfit.text.characters import (
    CURRENCY,
    ICON_SET,
    ICONS,
    LETTERS,
    LOWER,
    PUNCTUATION,
    QUOTES,
    UNITS,
    UPPER,
    one_of,
)
from steadfit.text.english_exceptions import english_exceptions

_EXCEPTIONS = english_exceptions()
_LONGEST = max(map(len, _EXCEPTIONS))


def split_english(piece: str) -> tuple[str, ...]:
    """Return the words of `piece`, which has no white space; together they are `piece`."""
    parts = _EXCEPTIONS.get(piece)
    if parts is not None:
        return parts
    if piece.isalpha():
        return (piece,)
    return tuple(_retokenize(_split_ends(piece, _EXCEPTIONS)))


def word_and_marks(piece: str) -> tuple[str, ...] | None:
    """Return parts of `piece`, some perhaps empty, that are split as if each stood alone.

    It knows words, also with hyphens, that have a mark before and a few behind, as most pieces
    do that are no plain words; for others it returns None.
    """
    shape = _WORD_AND_MARKS(piece)
    if shape is None:
        return None
    parts = shape.groups("")
    word = parts[1]
    if "-" not in word:
        return None if word in _EXCEPTIONAL else parts
    words = word.replace("-", " - ").split(" ")
    return (parts[0], *words, *parts[2:]) if _EXCEPTIONAL.isdisjoint(words) else None


_DIGITS = frozenset("0123456789")
_CLOSING = frozenset("—–" + PUNCTUATION + QUOTES) | ICON_SET
_OPENING = _CLOSING | set("§%=") | {c for c in CURRENCY if len(c) == 1}
_LETTER_CURRENCY = tuple(c for c in CURRENCY if len(c) > 1)
_AFTER_DIGIT = UNITS | frozenset(CURRENCY) | {"+"}
_AFTER_DIGIT_ENDS = frozenset(unit[-1] for unit in _AFTER_DIGIT)
_AFTER_DIGIT_LENGTHS = range(max(map(len, _AFTER_DIGIT)), 0, -1)
_BEFORE_FULL_STOP = re.compile(
    rf"{one_of('0-9%²+|', LOWER, PUNCTUATION, QUOTES)}|-|(?<={one_of(UPPER)}){one_of(UPPER)}"
    "|(?<=°)[FCK]"
)
_DOTS = re.compile(r"\.\.+")
_WORD_AND_MARKS = re.compile(
    # A single full stop is split off after these only; two apostrophes would be an exception. Never
    # four of a mark in a row, nor four hyphens: they may be a repetition, of a mark or a word.
    r"""(["'(]?)([A-Za-z]+(?:-[A-Za-z]+){0,3})('s)?"""
    r"""((?:(?:(?<=[a-z,!?)"'])|(?<=[A-Z]{2})|\.\.?)\.(?!\.)|[,!?)"]|'(?!')){0,3}|[:;])"""
).fullmatch
# Words that together with such marks may be an exception, as in `Mr.` and `it's`.
_EXCEPTIONAL = {shape[2] for shape in map(_WORD_AND_MARKS, _EXCEPTIONS) if shape}


def _split_ends(piece: str, exceptions: dict[str, tuple[str, ...]]) -> list[str]:
    start, end = 0, len(piece)
    front: list[str] = []
    back: list[str] = []
    while start < end:
        near = end - start <= _LONGEST + 4  # no longer piece can become an exception by one cut
        if near and piece[start:end] in exceptions:
            break
        opening = _opening(piece, start, end)
        if opening and near and piece[start + opening : end] in exceptions:
            front.append(piece[start : start + opening])
            start += opening
            break
        closing = _closing(piece, start + opening, end)
        if closing and near and piece[start : end - closing] in exceptions:
            back.append(piece[end - closing : end])
            end -= closing
            break
        if not (opening or closing):
            break
        if opening:
            front.append(piece[start : start + opening])
            start += opening
        if closing:
            back.append(piece[end - closing : end])
            end -= closing
    if start < end:
        core = piece[start:end]
        if core in exceptions:
            front += exceptions[core]
        elif core.isalpha():
            front.append(core)
        else:
            front += _split_inside(core)
    back.reverse()
    return front + back


def _opening(piece: str, start: int, end: int) -> int:
    """Return how many characters at `start` are split off there."""
    first = piece[start]
    if first in _OPENING:
        return 1
    if first == "+":
        return int(start + 1 == end or piece[start + 1] not in _DIGITS)
    if first == ".":
        dots = _DOTS.match(piece, start, end)
        return dots.end() - start if dots else 0
    if first in "UCA":
        for currency in _LETTER_CURRENCY:
            if piece.startswith(currency, start, end):
                return len(currency)
    return 0


def _closing(piece: str, start: int, end: int) -> int:
    """Return how many characters before `end` are split off there, seeing none before `start`."""
    if start >= end:
        return 0
    last = piece[end - 1]
    if last in _CLOSING:
        return 2 if last == "…" and piece.endswith("……", start, end) else 1
    if last == ".":
        first_dot = end - 1
        while first_dot > start and piece[first_dot - 1] == ".":
            first_dot -= 1
        if end - first_dot > 1:
            return end - first_dot
        before = end - 2
        # A view of at most two characters: the rule looks no further back, and not before start.
        view = piece[max(start, before - 1) : before + 1]
        return int(bool(view) and _BEFORE_FULL_STOP.match(view, len(view) - 1) is not None)
    if last in "sS" and piece.endswith(("'" + last, "’" + last), start, end):
        return 2
    if last in _AFTER_DIGIT_ENDS:
        for length in _AFTER_DIGIT_LENGTHS:
            digit = end - length - 1
            if (
                digit >= start
                and piece[digit] in _DIGITS
                and piece[digit + 1 : end] in _AFTER_DIGIT
            ):
                return length
    return 0


def _inside(icons: str, quotes: str, letters: str, lower: str, upper: str) -> re.Pattern[str]:
    return re.compile(
        rf"\.\.+|{one_of('…', icons)}"
        r"|(?<=[0-9])[+\-*^](?=[0-9-])"
        rf"|(?<={one_of(lower, quotes)})\.(?={one_of(upper, quotes)})"
        rf"|(?<={one_of(letters)}),(?={one_of(letters)})"
        rf"|(?<={one_of(letters, '0-9')})(?:-{{1,3}}|–|—{{1,2}}|~)(?={one_of(letters)})"
        rf"|(?<={one_of(letters, '0-9')})[:<>=/](?={one_of(letters)})"
    )


@cache
def _inside_unicode() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a mark that may split and of one that does; slow to compile."""
    marks = re.compile(one_of(".…+*^,–—~:<>=/", ICONS) + "|-")
    return marks, _inside(ICONS, QUOTES, LETTERS, LOWER, UPPER)


# The same for plain English, without thousands of characters to compare with.
_INSIDE_ASCII = (
    re.compile(r"[.+*^,~:<>=/\-]"),
    _inside("", "".join(filter(str.isascii, QUOTES)), "A-Za-z", "a-z", "A-Z"),
)


def _split_inside(core: str) -> list[str]:
    marks, inside = _INSIDE_ASCII if core.isascii() else _inside_unicode()
    if not marks.search(core) or _is_address(core):
        return [core]
    words = []
    start = 0
    for match in inside.finditer(core):
        first, last = match.span()
        if first == 0:
            continue
        if first > start:
            words.append(core[start:first])
        words.append(core[first:last])
        start = last
    if start < len(core):
        words.append(core[start:])
    return words


_NAME = r"[A-Za-z0-9\u00a1-\uffff]"
_HOST = re.compile(
    # An address in numbers, none of a private network; or names with dots and a top level.
    r"(?:(?!(?:10|127)(?:\.\d{1,3}){3})(?!(?:169\.254|192\.168)(?:\.\d{1,3}){2})"
    r"(?!172\.(?:1[6-9]|2\d|3[0-1])(?:\.\d{1,3}){2})"
    r"(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}"
    r"\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])"
    rf"|(?:(?:{_NAME}[A-Za-z0-9\u00a1-\uffff_-]{{0,62}})?{_NAME}\.)+{one_of(LOWER)}{{2,63}})"
    r"(?::\d{2,5})?(?:[/?#]\S*)?\Z"
)
_SCHEME = re.compile(r"[\w+\-.]{2,}://")


def _is_address(core: str) -> bool:
    """Tell whether `core` is a web address, with or without scheme and user."""
    if "." not in core:
        return False
    if _HOST.match(core):
        return True
    scheme = _SCHEME.match(core) if "://" in core else None
    if scheme and _HOST.match(core, scheme.end()):
        return True
    # A user is anything up to an @. A host stops at the next one, or goes to the end: linear.
    at = core.find("@", 1)
    while at > 0:
        if _HOST.match(core, at + 1):
            return True
        at = core.find("@", at + 1)
    return False


@cache
def _late_exceptions() -> dict[str, dict[int, dict[tuple[str, ...], tuple[str, ...]]]]:
    """Return, by first word and number of words, exceptions as the general rules split them."""
    late: dict[str, dict[int, dict[tuple[str, ...], tuple[str, ...]]]] = {}
    inside = _inside_unicode()[1]
    for word, parts in _EXCEPTIONS.items():
        end = len(word)
        if _opening(word, 0, end) or _closing(word, 0, end) or inside.search(word):
            split = tuple(_split_ends(word, {}))
            late.setdefault(split[0], {}).setdefault(len(split), {})[split] = parts
    return late


def _retokenize(words: list[str]) -> list[str]:
    """Put exceptions together that the general rules took apart; where two meet, the longer."""
    late = _late_exceptions()
    if late.keys().isdisjoint(words):
        return words
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for start, word in enumerate(words):
        for length, splits in late.get(word, {}).items():
            parts = splits.get(tuple(words[start : start + length]))
            if parts is not None:
                found.append((-length, start, parts))
    if not found:
        return words
    found.sort()
    taken: set[int] = set()
    chosen: dict[int, tuple[int, tuple[str, ...]]] = {}
    for minus_length, start, parts in found:
        end = start - minus_length
        if start not in taken and end - 1 not in taken:
            chosen[start] = (end, parts)
        # As in spaCy: one that is not chosen still hides those behind it.
        taken.update(range(start, end))
    result: list[str] = []
    position = 0
    while position < len(words):
        if position in chosen:
            position, parts = chosen[position]
            result.extend(parts)
        else:
            result.append(words[position])
            position += 1
    return result
