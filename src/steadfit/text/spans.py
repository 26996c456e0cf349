"""Where in a text each of its tokens stands."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from steadfit.text.fields import FIELD
from steadfit.text.pieces import FIRST_BYTE, FIXED, SPACE, Pieces
from steadfit.text.rules import FLD, fix_text
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS
from steadfit.text.words import split_words

Span = tuple[int, int]
"""Characters of a text, the second number being behind the last."""

_FAR = 200  # characters that are looked through for a token that is not where it should be
_GROWN = 12  # characters that a replacement is long, at most
_ALIKE = 3  # characters that have to be equal where two strings are taken to go on together
_SPACES = re.compile(r"\s*")


class PlacedToken(NamedTuple):
    """A token, and where it comes from; None for `xxbos`, which stands for no character."""

    token: str
    span: Span | None


def token_spans(tokenizer: Tokenizer, text: str) -> list[PlacedToken]:
    """Return the tokens of `tokenizer.encode(text)`, one for each id, with their places in `text`.

    A marker has the place of what it says something about: `xxmaj` that of the word behind it, each
    token of `xxrep 4 !` that of the whole run. Several tokens may thus have one place; otherwise
    places do not overlap, and they follow each other. A word that the vocabulary does not hold is
    given as the text has it. What cannot be found again has None; the others stay right.

    Raises:
        DataError: `text` is not a string.
    """
    ids = tokenizer.encode(text)
    subwords = isinstance(tokenizer.vocab, Pieces)
    names = _pieces(ids, tokenizer.vocab.itos) if subwords else split_words(text)
    fixed = fix_text(text).replace(FLD, FIELD)
    walk = _Walk(fixed, subwords)
    walk.over(names)
    origin = _origins(fixed, text)
    return [
        PlacedToken(_shown(name), None if span is None else _traced(span, origin))
        for name, span in zip(names, walk.spans, strict=True)
    ]


def _pieces(ids: list[int], itos: tuple[str, ...]) -> list[str]:
    """Return tokens as strings; a character in bytes stands at its first one, `\\0` at the rest."""
    names = [itos[index] for index in ids]
    place = 0
    while place < len(ids):
        if not FIRST_BYTE <= ids[place] < len(FIXED):
            place += 1
            continue
        first = ids[place] - FIRST_BYTE
        length = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        data = bytes(index - FIRST_BYTE for index in ids[place : place + length])
        names[place] = data.decode("utf-8", "surrogatepass")
        names[place + 1 : place + length] = ["\0"] * (length - 1)
        place += length
    return names


class _Walk:
    """Finds tokens, one behind the other, in the string they were made of."""

    def __init__(self, string: str, subwords: bool) -> None:
        self.spans: list[Span | None] = []
        self._string = string
        self._subwords = subwords
        # Lower case may be longer than what it stands for, as that of İ.
        self._low = "".join(map(_low, string))
        self._back = [i for i, c in enumerate(string) for _ in _low(c)] + [len(string)]
        self._at = 0
        self._waiting = 0  # tokens that get the place of the next one
        self._repeat: tuple[int, Span] | None = None  # end of what is repeated, the whole run

    def over(self, names: list[str]) -> None:
        """Find the tokens of the string."""
        counted: tuple[str, Span] | None = None  # number and character of a run, and its place
        for name in names:
            word = _bare(name, self._subwords)
            if counted is not None and counted[0].startswith(_lowered(word)):
                left, span = counted[0][len(_lowered(word)) :], counted[1]
                self.spans.append(span)
                counted = (left, span) if left else None
            elif name == "xxbos" and not self.spans:
                self.spans.append(None)
            elif name in ("xxrep", "xxwrep") and (counted := self._run(name)):
                self.spans.append(counted[1])
            elif name == "\0":  # the rest of a character
                self.spans.append(self.spans[-1])
            elif name in ("xxmaj", "xxup", "xxrep", "xxwrep") or not word:
                self._waiting += 1
                self.spans.append(None)
            else:
                self._found(self._search(name, word))

    def _found(self, span: Span | None) -> None:
        if self._repeat and span and span[0] < self._repeat[0]:
            end, run = self._repeat
            if span[1] >= end:
                self._at, self._repeat = bisect_left(self._back, run[1]), None
            span = run
        for place in range(self._waiting):
            self.spans[-1 - place] = span
        self._waiting = 0
        self.spans.append(span)

    def _search(self, name: str, word: str) -> Span | None:
        """Return where a token is, and go behind it."""
        low, begin = _lowered(word), self._at
        if word.isspace():
            low = self._spaces(begin)
        else:
            while begin < len(self._low) and self._low[begin].isspace():
                begin += 1
        if name == "xxunk" and not self._low.startswith(low, begin):  # a marker somebody wrote
            low = next((m for m in MARKERS if self._low.startswith(m, begin)), low)
        if not self._low.startswith(low, begin):
            begin = self._low.find(low, begin, begin + _FAR + len(low))
        if begin < 0:
            return None
        self._at = begin + len(low)
        return self._back[begin], self._back[self._at - 1] + 1

    def _spaces(self, begin: int) -> str:
        run = _SPACES.match(self._low, begin)
        return (run[0].rstrip(" ") if run else "") or " "

    def _run(self, name: str) -> tuple[str, Span] | None:
        """Return what a marker of repetition is followed by, and the place of what it counts."""
        begin = self._back[self._at]
        while begin < len(self._string) and self._string[begin].isspace():
            begin += 1
        if name == "xxrep":
            most = "{3,9998}" if self._subwords else "{3,}"
            run = re.compile(rf"(\S)\1{most}").match(self._string, begin)
            if run is None:
                return None
            self._at = bisect_left(self._back, run.end())
            number = len(run[0])
            counted = f"{number}{_lowered(run[1])}"
            self._settle(run.span())
            return counted, run.span()
        pattern = r"(\S+)(?:\s+\1){3,998}(?!\S)" if self._subwords else r"(\b\w+\W+)\1{3,}"
        run = re.compile(pattern).match(self._string, begin)
        if run is None:
            return None
        parts = run[0].split()
        number = len(parts) if self._subwords else len(run[0][len(run[1]) :].split()) + 1
        end = run.start() + len(run[0].rstrip())
        self._repeat = run.start() + len(run[1].rstrip()), (run.start(), end)
        self._settle((run.start(), end))
        return str(number), (run.start(), end)

    def _settle(self, span: Span) -> None:
        for place in range(self._waiting):
            self.spans[-1 - place] = span
        self._waiting = 0


def _low(character: str) -> str:
    lower = character.lower()
    return "σ" if lower == "ς" else lower  # of a whole word, lower() chooses between the two


def _lowered(word: str) -> str:
    return "".join(map(_low, word))


def _bare(name: str, subwords: bool) -> str:
    return name[1:] if subwords and name[:1] == SPACE else name


def _shown(name: str) -> str:
    return "" if name == "\0" else name


def _origins(fixed: str, text: str) -> list[Span]:
    """Return, for each character of what `fix_html` made of `text`, where it comes from."""
    if "  " not in text:
        return _aligned(fixed, text)
    # Of several spaces one is left, and the first stands for it.
    kept = [at for at, sign in enumerate(text) if sign != " " or text[at - 1 : at] != " "]
    spans = _aligned(fixed, "".join([text[at] for at in kept]))
    kept.append(len(text))
    return [(kept[begin], kept[end - 1] + 1 if end > begin else kept[end]) for begin, end in spans]


def _aligned(fixed: str, text: str) -> list[Span]:
    """Return, for each character of `fixed`, where in `text` it comes from.

    Most are as they were. Where something was replaced, the shortest way to where both strings go
    on alike tells what stands for what.
    """
    origins: list[Span] = []
    there = 0
    here = 0
    if fixed[:1] == " " and text[:1] != " ":
        origins.append((0, 0))
        here = 1
    while here < len(fixed):
        if there < len(text) and fixed[here] == text[there]:
            origins.append((there, there + 1))
            here, there = here + 1, there + 1
            continue
        new, old = _replaced(fixed, here, text, there)
        if new == 0 and origins and not text[there : there + old].isspace():
            origins[-1] = origins[-1][0], there + old  # the rest of what was replaced
        origins += [(there, there + old)] * new
        here, there = here + new, there + old
    return origins


def _replaced(fixed: str, here: int, text: str, there: int) -> tuple[int, int]:
    """Return how many characters, of both strings, to pass until both go on alike."""
    left, right = len(fixed) - here, len(text) - there
    for both in range(1, min(left, _GROWN) + min(right, _FAR) + 1):
        for new in range(max(0, both - min(right, _FAR)), min(both, left, _GROWN) + 1):
            old = both - new
            ours = fixed[here + new : here + new + _ALIKE]
            whole = len(ours) == _ALIKE or old + len(ours) == right
            if whole and text.startswith(ours, there + old):
                return new, old
    return left, right


def _traced(span: Span, origin: list[Span]) -> Span:
    return origin[span[0]][0], origin[span[1] - 1][1]
