"""The likeliest way to cut a string into pieces (Kudo, 2018, https://arxiv.org/abs/1804.10959)."""

from __future__ import annotations

from steadfit.text.pieces import FIRST_BYTE, FIXED, SPACE, Pieces

_UNKNOWN = 10.0  # below the least likely piece, as in sentencepiece


class Segmenter:
    """Strings without white space, but for a space in front, to the ids of their pieces."""

    def __init__(self, pieces: Pieces) -> None:
        # Holds every beginning of a piece, so that a search ends where no piece goes on.
        self._table: dict[str, tuple[float, int] | None] = {}
        for index, (token, score) in enumerate(zip(pieces.pieces, pieces.scores, strict=True)):
            # A sign for the space that stands in a text is not that of a piece.
            piece = " " + token[1:] if token[0] == SPACE else token
            for end in range(1, len(piece)):
                self._table.setdefault(piece[:end], None)
            self._table[piece] = score, len(FIXED) + index
        self._unknown = min(pieces.scores) - _UNKNOWN

    def __call__(self, string: str) -> list[int]:
        """Return the ids of the pieces whose scores have the largest sum.

        A character that no piece covers is written in the bytes of its UTF-8.
        """
        table, size = self._table, len(string)
        best = [0.0] + [float("-inf")] * size
        came: list[tuple[int, int]] = [(0, 0)] * (size + 1)  # begin and id of the last piece
        for begin in range(size):
            score = best[begin]
            if table.get(string[begin]) is None and score + self._unknown > best[begin + 1]:
                best[begin + 1], came[begin + 1] = score + self._unknown, (begin, -1)
            for end in range(begin + 1, size + 1):
                piece = string[begin:end]
                if piece not in table:
                    break
                if (found := table[piece]) and score + found[0] > best[end]:
                    best[end], came[end] = score + found[0], (begin, found[1])
        ids: list[int] = []
        place = size
        while place:
            begin, index = came[place]
            ids += [index] if index >= 0 else _bytes(string[begin])
            place = begin
        ids.reverse()
        return ids


def _bytes(character: str) -> list[int]:
    """Return the ids of the bytes of a character, the last one first."""
    # Half of a surrogate pair, too, may stand in a Python string.
    return [FIRST_BYTE + byte for byte in reversed(character.encode("utf-8", "surrogatepass"))]
