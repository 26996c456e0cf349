"""The vocabulary of subwords: pieces with scores, after markers, line feed and bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steadfit.core.checks import is_number
from steadfit.core.errors import DataError
from steadfit.text.vocab import MARKERS, Vocab

SPACE = "▁"  # stands in a piece for the white space before it, as in sentencepiece
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
FIXED = (*MARKERS, "\n", *BYTES)
LINE_FEED, FIRST_BYTE = len(MARKERS), len(MARKERS) + 1


class Pieces(Vocab):
    """A vocabulary whose tokens are FIXED and pieces of words, each with its log probability.

    Markers have the ids they have in every vocabulary, so models and batches see no difference.
    What no piece covers is written in the 256 tokens of BYTES: there is no text without ids.

    Attributes:
        pieces: the tokens behind FIXED.
        scores: the natural logarithm of the probability of each piece.

    Raises:
        DataError: as many scores as pieces were not given, a score is no logarithm of a
            probability, a piece comes twice or is in FIXED, SPACE is no piece, or is somewhere
            else in a piece than at its start.
    """

    def __init__(self, pieces: Sequence[str], scores: Sequence[float]) -> None:
        super().__init__((*FIXED, *pieces))
        self.pieces = self.itos[len(FIXED) :]
        _check_scores(self.pieces, scores)
        self.scores = tuple(map(float, scores))
        for piece in self.pieces:
            if not piece or SPACE in piece[1:] or any(map(str.isspace, piece)):
                raise DataError(
                    f"Piece {piece!r} is empty or has white space, or {SPACE!r} not at its start."
                )
        if SPACE not in self:
            raise DataError(f"{SPACE!r} is not among the pieces; it stands for a space alone.")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the tokens in order and their scores, as 64 hexadecimal digits."""
        digest = hashlib.sha256(super().fingerprint.encode())
        digest.update(np.array(self.scores, "<f8").tobytes())
        return digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return what `vocab_from_dict` reads."""
        return {**super().to_dict(), "scores": list(self.scores)}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Pieces):
            return (self.itos, self.scores) == (other.itos, other.scores)
        return False if isinstance(other, Vocab) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.itos, self.scores))

    def __repr__(self) -> str:
        return f"Pieces({len(self)} tokens)"

    def __reduce__(self) -> Any:
        return Pieces, (self.pieces, self.scores)


def vocab_from_dict(content: Mapping[str, Any]) -> Vocab:
    """Return the vocabulary that `to_dict` of a `Vocab` or of `Pieces` described.

    Raises:
        DataError: it holds none.
    """
    itos, scores = content.get("itos"), content.get("scores")
    if not isinstance(itos, list):
        raise DataError("It has no list of tokens.")
    if scores is None:
        return Vocab(itos)
    if not isinstance(scores, list) or tuple(itos[: len(FIXED)]) != FIXED:
        raise DataError(
            "It has scores, so its tokens must start with the markers, the line feed and the "
            "256 bytes, and the scores must be a list."
        )
    return Pieces(itos[len(FIXED) :], scores)


def _check_scores(pieces: Sequence[str], scores: Sequence[float]) -> None:
    if len(scores) != len(pieces):
        raise DataError(
            f"{len(pieces)} pieces came with {len(scores)} scores; give one score per piece."
        )
    for piece, score in zip(pieces, scores, strict=True):
        if not is_number(score) or not -1e9 < score <= 0:
            raise DataError(
                f"The score of {piece!r} is {score!r}; the logarithm of a probability is accepted."
            )
