"""Words as fastai 1 makes them: the rules of ULMFiT around the splitting of English.

A text is cut at its spaces, and a memo maps each piece between them to its token ids. That is
exact because every rule after `fix_html` either stays within a piece or announces itself by a
sign that is cheap to see; texts with such a sign take the plain way, rule after rule. `_repeats`
gives the argument for the only rule whose sign is not obvious.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from operator import eq
from threading import Lock

from steadfit.text.english import split_english
from steadfit.text.rules import (
    MADE,
    apply_rules,
    fix_html,
    mark_case,
    rm_useless_spaces,
    spec_add_spaces,
)

MEMO_SIZE = 1 << 18
_LONG = 100  # characters; longer pieces are hardly ever seen twice


def split_words(text: str) -> list[str]:
    """Return the tokens of `text`, `xxbos` first, exactly as fastai 1 has them.

    Example:
        >>> split_words("I LOVED it!!!!")
        ['xxbos', 'i', 'xxup', 'loved', 'it', 'xxrep', '4', '!']
    """
    seen: list[str] = []
    ids: dict[str, int] = {}

    def token_id(token: str) -> int:
        if token not in ids:
            ids[token] = len(seen)
            seen.append(token)
        return ids[token]

    return [seen[index] for index in WordEncoder(token_id)(text)]


def split_words_reference(text: str) -> list[str]:
    """Return what `split_words` returns, found in the plainest way: every rule, one by one."""
    tokens = ["xxbos"]
    for piece in _pieces(apply_rules(text)):
        tokens.extend(_tokens(piece))
    return tokens


class WordEncoder:
    """Texts to token ids, with a memo from pieces of text to ids; may be shared by threads.

    Args:
        token_id: gives the id of a token. It is called under a lock, once or a few times per
            token, so it may hand out new ids as it goes.
        memo_size: the number of pieces remembered; when it is passed, the memo starts anew.
    """

    def __init__(self, token_id: Callable[[str], int], memo_size: int = MEMO_SIZE) -> None:
        self._token_id = token_id
        self._memo_size = memo_size
        self._lock = Lock()
        self._bos = token_id("xxbos")
        self._memo = _Memo(self._ids)

    def __call__(self, text: str) -> list[int]:
        """Return the ids of the tokens of `text`, that of `xxbos` first."""
        memo = self._memo
        if len(memo) > self._memo_size:
            # Not cleared but replaced: another thread may be in the middle of a text.
            memo = self._memo = _Memo(self._ids)
        string = fix_html(" " + text)
        if "////" not in string and "####" not in string:
            string = rm_useless_spaces(spec_add_spaces(string))
            # A run of line feeds is one token, so it must be one piece. Twice, for the matches
            # of the first pass do not overlap.
            string = string.replace("\n \n", "\n\n").replace("\n \n", "\n\n")
            pieces = string.split(" ")
            try:
                ids = [*map(memo.__getitem__, pieces)]
            except _PlainWay:
                pass
            else:
                if not _repeats(string, pieces, memo.wordless):
                    return [self._bos, *chain.from_iterable(ids)]
        return self._plainly(apply_rules(text), memo)

    def _plainly(self, string: str, memo: _Memo) -> list[int]:
        result = [self._bos]
        for piece in _pieces(string):
            known = None if piece.isspace() else memo.get(piece)
            result.extend(self._ids(piece) if known is None else known)
        return result

    def _ids(self, piece: str) -> tuple[int, ...]:
        tokens = _tokens(piece)
        with self._lock:
            return tuple([self._token_id(token) for token in tokens])


def _tokens(piece: str) -> Sequence[str]:
    made = MADE.get(piece)
    if made is not None:
        return (made,)
    if piece.isspace():
        return (piece,)
    return [token for word in split_english(piece) for token in mark_case(word)]


_RUNS = re.compile(r"\s+|\S+")


def _pieces(string: str) -> Iterator[str]:
    """Yield runs of white space and of anything else; the first space after a piece is dropped."""
    for match in _RUNS.finditer(string):
        piece = match[0]
        # `string` follows xxbos, so there is a piece before its first white space, too.
        piece = piece[1:] if piece[0] == " " else piece
        if piece:
            yield piece


class _PlainWay(Exception):
    """A piece was met to which a rule applies that reaches beyond it."""


_SPACE = re.compile(r"\s")
_WORD_CHARACTER = re.compile(r"\w")
_FOUR_ALIKE = re.compile(r"(\S)\1{3}")
_FOUR_WORDS_ALIKE = re.compile(r"(\b\w+\W+)\1{3}")


class _Memo(dict[str, tuple[int, ...]]):
    """Pieces between spaces and their ids; `wordless` are those without a word character."""

    def __init__(self, ids: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__({"": ()})
        self.wordless: set[str] = set()
        self._ids = ids

    def __missing__(self, piece: str) -> tuple[int, ...]:
        if len(piece) > _LONG or _FOUR_ALIKE.search(piece):
            if piece.strip("\n"):
                raise _PlainWay
        if not piece.isalnum():
            if not _WORD_CHARACTER.search(piece):
                self.wordless.add(piece)
            if not piece.strip("\n"):
                # Each line feed has its space behind it, which the cutting took away.
                return self._remember(piece, piece.replace("\n", "\n "))
            if _SPACE.search(piece) or (len(piece) > 7 and _FOUR_WORDS_ALIKE.search(piece)):
                raise _PlainWay
        return self._remember(piece, piece)

    def _remember(self, piece: str, what: str) -> tuple[int, ...]:
        ids = self[piece] = self._ids(what)
        return ids


_UNIT = re.compile(r"\w+\W+")
_TWICE = b"\1\1"


def _repeats(string: str, pieces: list[str], wordless: set[str]) -> bool:
    """Tell whether the rule of repeated words may apply; a no is certain.

    The rule replaces `uuuu`, u = a word and the run of other characters behind it (of the last u
    perhaps only the head of that run). So the first three of these runs are equal and whole, and
    `_TWICE` stands in the comparison of each unit with the next: necessary, but slow to look for.

    Quicker to see, for u with white space in it (u without any lies within one piece, where
    `_Memo` sees it): either u spans one space, then the pieces around the second, third and fourth
    word are equal; or it spans more, then it holds a whole piece without a word character, which
    comes at least three times (in the last u, a run of line feeds may be longer).
    Spaces set around / # and line feed treat equal parts equally, so the test may come after.
    """
    if _TWICE not in bytes(map(eq, pieces, islice(pieces, 1, None))):
        for mark in wordless.intersection(pieces):
            if pieces.count(mark) > 2:
                break
        else:
            return False
    units = _UNIT.findall(string)
    return _TWICE in bytes(map(eq, units, islice(units, 1, None)))
