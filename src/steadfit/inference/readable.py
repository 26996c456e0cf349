"""Tokens as a person would have written them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NO_SPACE_BEFORE = frozenset([*".,;:!?%)]}…", "...", "n't"])
_NO_SPACE_BEHIND = frozenset("([{$£€")
_SILENT = frozenset(["xxpad", "xxbos", "xxeos", "xxfld", "xxmaj", "xxup", "xxrep", "xxwrep"])


def readable(tokens: Sequence[str]) -> str:
    """Return the text of tokens, with the markers of case and repetition undone.

    Example:
        >>> readable("xxmaj the film was xxup so bad xxrep 4 !".split())
        'The film was SO bad!!!!'
    """
    return join_words(undo_markers(tokens))


def undo_markers(tokens: Sequence[str]) -> list[str]:
    """Return the words of tokens; a marker that nothing fits behind leaves no trace."""
    words: list[str] = []
    left = list(reversed(tokens))
    while left:
        token = left.pop()
        following = left[-1] if left and left[-1] not in _SILENT else None
        if token in ("xxmaj", "xxup") and following is not None:
            left.pop()
            upper = following if token == "xxup" else following[0]
            words.append(upper.upper() + following[len(upper) :])
        elif token in ("xxrep", "xxwrep") and following is not None and _is_small(following):
            times = int(left.pop())
            if left and left[-1] not in _SILENT:
                word = left.pop()
                words += [word * times] if token == "xxrep" else [word] * times
        elif token not in _SILENT:
            words.append(token)
    return words


def join_words(words: Iterable[str]) -> str:
    """Return words as a text, without a space before closing and behind opening punctuation.

    Where else the writer had left a space out is not known any more.
    """
    text = ""
    for word in filter(None, words):
        glued = (
            not text
            or word in _NO_SPACE_BEFORE
            or word[0] in _NO_SPACE_BEFORE
            or (word[0] == "'" and len(word) > 1)
            or word.isspace()
            or text[-1].isspace()
            or text[-1] in _NO_SPACE_BEHIND
        )
        text += word if glued else f" {word}"
    return text


def _is_small(number: str) -> bool:
    """Tell whether a drawn token is a number of repetitions somebody might have written."""
    return number.isdecimal() and len(number) <= 2
