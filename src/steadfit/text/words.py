"""Words as fastai 1 makes them: the rules of ULMFiT around the splitting of English.

A text is cut at its spaces, and a memo maps each piece between them to its token ids. That is
exact because every rule after `fix_html` either stays within a piece or announces itself by a
sign that is cheap to see; texts with such a sign take the plain way, rule after rule. `_repeats`
gives the argument for the only rule whose sign is not obvious.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import chain, islice
from operator import eq
from threading import Lock

from steadfit.text.english import split_english, word_and_marks
from steadfit.text.rules import (
    MADE,
    apply_rules,
    fix_text,
    mark_case,
    replace_rep,
    rm_useless_spaces,
    spec_add_spaces,
)

MEMO_SIZE = 1 << 18
_LONG = 100  # characters; longer pieces are hardly ever seen twice
_PART = 1 << 16  # characters of a text whose pieces are held at a time
_WORDLESS_RUN = 16  # so many pieces in a row without a word make a long text go the plain way
_OVERLAP = 4 * (_WORDLESS_RUN + 1)  # pieces: four times a word and what may stand behind it
_WORDLESS = b"\1" * _WORDLESS_RUN


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
        self._memo = _Memo(self._numbers)

    def forget(self, freed: Set[int]) -> None:
        """Ask again for each of these ids; no other thread may be in a text.

        Pieces of several tokens are let go, too: they would gather, and are soon made again.
        """
        memo = self._memo
        lasting = {
            piece: ids for piece, ids in memo.items() if len(ids) < 2 and freed.isdisjoint(ids)
        }
        memo.clear()  # taking out one by one would leave the table with holes, and it would grow
        memo.update(lasting)
        memo.unusual = memo.unusual & memo.keys()
        memo.irregular = memo.irregular & memo.keys()
        self._bos = self._token_id("xxbos")

    def __call__(self, text: str) -> list[int]:
        """Return the ids of the tokens of `text`, that of `xxbos` first."""
        string = fix_text(text)
        if "////" not in string and "####" not in string:
            string = rm_useless_spaces(spec_add_spaces(string))
            if "\n" in string:
                # A run of line feeds is one token, so it must be one piece. Twice, for the
                # matches of the first pass do not overlap.
                string = string.replace("\n \n", "\n\n").replace("\n \n", "\n\n")
            try:
                return self._quickly(string)
            except _PlainWay:
                pass
        del string  # of a long text each copy counts
        return self._plainly(apply_rules(text), self._fresh_memo())

    def _quickly(self, string: str) -> list[int]:
        """Return the ids by way of the memo, part by part: the pieces of a long text take room.

        Each part is looked at together with the last pieces before it, so that no repetition of
        words hides at a seam: a unit has a word and fewer than `_WORDLESS_RUN` pieces behind it.

        Raises:
            _PlainWay: a rule may apply that reaches beyond a piece.
        """
        result = [self._bos]
        before: list[str] = []
        for part in _parts(string):
            memo = self._fresh_memo()
            pieces = [*before, *part.split(" ")]
            ids = [*map(memo.__getitem__, pieces)]
            if part is not string:
                part = " ".join(pieces)
                if _WORDLESS in bytes(map(memo.unusual.__contains__, pieces)):
                    raise _PlainWay
            if _repeats(part, pieces, memo):
                raise _PlainWay
            result.extend(chain.from_iterable(ids[len(before) :]))
            before = pieces[-_OVERLAP:]
        return result

    def _fresh_memo(self) -> _Memo:
        if len(self._memo) > self._memo_size:
            # Not cleared but replaced: another thread may be in the middle of a text.
            self._memo = _Memo(self._numbers)
        return self._memo

    def _plainly(self, string: str, memo: _Memo) -> list[int]:
        result = [self._bos]
        for piece in _pieces(string):
            # The memo knows white space and repetitions as they are before the rules.
            raw = piece.isspace() or piece in memo.irregular
            known = None if raw else memo.get(piece)
            result.extend(self._numbers(_tokens(piece)) if known is None else known)
        return result

    def _numbers(self, tokens: Sequence[str]) -> tuple[int, ...]:
        with self._lock:
            return tuple(map(self._token_id, tokens))


def _tokens(piece: str) -> Sequence[str]:
    if piece in MADE:
        return (MADE[piece],)
    if piece.isspace():
        return (piece,)
    return _cased(piece)


def _cased(piece: str) -> Sequence[str]:
    """Return the tokens of a piece that has no white space and that no rule made."""
    words = split_english(piece)
    if len(words) == 1:
        return mark_case(piece)
    return [*chain.from_iterable(map(mark_case, words))]


def _parts(string: str) -> Iterator[str]:
    """Cut a string at spaces, which are left out, into parts of about `_PART` characters."""
    start = 0
    while len(string) - start > _PART and (end := string.find(" ", start + _PART)) >= 0:
        yield string[start:end]
        start = end + 1
    yield string[start:] if start else string


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


_WORD_CHARACTER = re.compile(r"\w")
_FOUR_ALIKE = re.compile(r"(\S)\1\1\1")
_FOUR_WORDS_ALIKE = re.compile(r"(\b\w+\W+)\1\1\1")


class _Memo(dict[str, tuple[int, ...]]):
    """Pieces between spaces and their ids.

    `irregular` are the pieces with other white space than line feeds and those in which a
    character stands four times in a row; `unusual` are these and the pieces without a word
    character. Both hold keys of the memo only.
    """

    def __init__(self, numbers: Callable[[Sequence[str]], tuple[int, ...]]) -> None:
        super().__init__({"": ()})
        self.unusual: set[str] = set()
        self.irregular: set[str] = set()
        self._numbers = numbers

    def __missing__(self, piece: str) -> tuple[int, ...]:
        if len(piece) > _LONG:
            raise _PlainWay
        if piece in MADE:  # of a field: raw text has no disguises any more
            self[piece] = ids = self._numbers((MADE[piece],))
            return ids
        plain = piece.isalnum()
        if not plain and (parts := word_and_marks(piece)):
            ids = sum(map(self.__getitem__, parts), ())
            if self.irregular.isdisjoint(parts):  # `eeeek.` has the piece `k.` in it
                self[piece] = ids
                return ids
        # The cheap test first: what is alike leaves characters without a first occurrence.
        again = len(piece) - len(set(piece))
        if not plain:
            if again > 5 and _FOUR_WORDS_ALIKE.search(piece):
                raise _PlainWay
            if not _WORD_CHARACTER.search(piece):
                self.unusual.add(piece)
            plain = piece.split() == [piece]
            if not plain and piece.strip("\n"):
                self.irregular.add(piece)
                self.unusual.add(piece)
        if again > 2 and _FOUR_ALIKE.search(piece):
            self.irregular.add(piece)
            self.unusual.add(piece)
            plain = False
        ids = self._numbers(_cased(piece) if plain else _by_rules(piece))
        self[piece] = ids
        return ids


def _by_rules(piece: str) -> list[str]:
    """Return the tokens of a piece with a space before and behind it."""
    string = rm_useless_spaces(spec_add_spaces(replace_rep(f" {piece} ")))
    return [*chain.from_iterable(map(_tokens, _pieces(string)))]


_UNIT = re.compile(r"\w+\W+")
_TWICE, _EVERY_OTHER = b"\1\1", b"\1\0\1\0\1"
_OPEN_END = re.compile(r"[^\S ](?: [^\S ]|\Z)")  # white space that may go on behind its piece


def _repeats(string: str, pieces: list[str], memo: _Memo) -> bool:
    """Tell whether the rule of repeated words may apply; a no is certain.

    The rule replaces `uuuu`, u = a word and the run of other characters behind it (of the last u
    perhaps only the head of that run). So the first three of these runs are whole and equal: that
    is looked for at the end, where characters that repeat are replaced first, as in the rules.
    Spaces set around / # and line feed treat equal parts equally, so the test may come after.

    Without irregular pieces there are signs that are quicker to see. If u has no space, `_Memo`
    sees it. If u spans one space, the pieces with the second, third and fourth word are equal. If
    it spans two, there is one piece without a word character in it, so that there are three with
    one piece between each. If it spans more, two pieces without a word character follow each
    other, at least three times.

    White space at the end of a piece makes one token with the space behind it, which its entry in
    the memo has; not if it is the last of the text or if more white space follows.
    """
    unusual = [*filter(memo.unusual.__contains__, pieces)]
    if not memo.irregular.isdisjoint(unusual):
        if _OPEN_END.search(string):
            return True
        replaced = [replace_rep(piece) if piece in memo.irregular else piece for piece in pieces]
        string = rm_useless_spaces(" ".join(replaced))
    elif not any(map(eq, pieces[::2], pieces[1::2])):  # of three equal ones two are such a pair
        if len(unusual) < 3:
            return False
        without_word = bytes(map(memo.unusual.__contains__, pieces))
        if _TWICE not in without_word and _EVERY_OTHER not in without_word:
            return False
    units = _UNIT.findall(string)
    return _TWICE in bytes(map(eq, units, islice(units, 1, None)))
