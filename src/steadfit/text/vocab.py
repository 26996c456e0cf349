"""The vocabulary: which token has which id, with the marker tokens always in front."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError

MARKERS = ("xxunk", "xxpad", "xxbos", "xxeos", "xxfld", "xxmaj", "xxup", "xxrep", "xxwrep")
UNK, PAD, BOS = 0, 1, 2


class Vocab:
    """Tokens in the order of their ids, immutable; a token that is not among them has the id UNK.

    `itos` is the tuple of tokens, `stoi` the mapping back.

    Raises:
        DataError: `itos` does not start with MARKERS, repeats a token, or holds something that is
            not a string.
    """

    def __init__(self, itos: Sequence[str]) -> None:
        self.itos = tuple(itos)
        _check(self.itos)
        # dict.get is bound once: ids() is called for every document.
        known = {token: index for index, token in enumerate(self.itos)}
        self.stoi = MappingProxyType(known)
        self._get = known.get

    @classmethod
    def from_counts(
        cls,
        tokens: Sequence[str],
        counts: Sequence[int],
        max_vocab: int = 60_000,
        min_freq: int = 3,
    ) -> Vocab:
        """Keep the `max_vocab` most frequent tokens seen at least `min_freq` times.

        Markers come first and count towards `max_vocab`; the others follow by falling count, ties
        by token, so that the order in which documents were read leaves no trace.

        Raises:
            DataError: the two sequences differ in length, a token comes twice, or a limit is too
                small.
        """
        for name, values in (("tokens", tokens), ("counts", counts)):
            if not isinstance(values, Sequence):
                raise DataError(f"{name} is {type(values).__name__}; a list is accepted.")
        if len(tokens) != len(counts):
            raise DataError(
                f"{len(tokens)} tokens came with {len(counts)} counts; give one count per token."
            )
        check_limits(max_vocab, min_freq)
        markers = set(MARKERS)
        kept = [
            (-whole_number("a count", count, 0, 2**63 - 1), token)
            for token, count in zip(tokens, counts, strict=True)
            if token not in markers
        ]
        kept = sorted(one for one in kept if -one[0] >= min_freq)
        return cls(MARKERS + tuple(token for _, token in kept[: max_vocab - len(MARKERS)]))

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token, UNK for the unknown."""
        get = self._get
        return [get(token, UNK) for token in tokens]

    def id(self, token: str) -> int:
        """Return the id of one token, UNK if it is unknown."""
        return self._get(token, UNK)

    def textify(self, ids: Iterable[int], sep: str = " ") -> str:
        """Return the tokens of `ids` joined by `sep`.

        Raises:
            DataError: an id is not of this vocabulary.
        """
        itos, size = self.itos, len(self.itos)
        tokens = []
        for index in ids:
            try:
                index = operator.index(index)
            except TypeError:
                raise DataError(f"A token id is {index!r}; whole numbers are accepted.") from None
            if not 0 <= index < size:
                raise DataError(
                    f"Token id {index} is not of this vocabulary, whose ids are 0 to "
                    f"{size - 1}; decode with the tokenizer that made the ids."
                )
            tokens.append(itos[index])
        return sep.join(tokens)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the tokens in order, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for token in self.itos:
            # A length in front of each token: no two lists of tokens give the same bytes.
            data = token.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return what `steadfit.text.pieces.vocab_from_dict` reads."""
        return {"itos": list(self.itos)}

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, token: object) -> bool:
        return token in self.stoi

    def __eq__(self, other: object) -> bool:
        return self.itos == other.itos if isinstance(other, Vocab) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.itos)

    def __repr__(self) -> str:
        return f"Vocab({len(self)} tokens)"

    def __reduce__(self) -> tuple[type[Vocab], tuple[tuple[str, ...]]]:
        return Vocab, (self.itos,)


def check_limits(max_vocab: int, min_freq: int) -> None:
    """Check the limits to a vocabulary that is counted.

    Raises:
        DataError: one is no whole number, or too small.
    """
    whole_number("min_freq", min_freq, 1)
    if whole_number("max_vocab", max_vocab) < len(MARKERS):
        raise DataError(
            f"max_vocab is {max_vocab}, but the {len(MARKERS)} markers are always kept; "
            f"give at least {len(MARKERS)}."
        )


def _check(itos: tuple[str, ...]) -> None:
    for index, token in enumerate(itos):
        if not isinstance(token, str):
            raise DataError(f"Token {index} is {token!r}; a vocabulary holds strings only.")
    if itos[: len(MARKERS)] != MARKERS:
        raise DataError(
            f"The vocabulary starts with {list(itos[: len(MARKERS)])}; it must start with the "
            f"markers {list(MARKERS)}. Use Vocab.from_counts, which puts them there."
        )
    if len(set(itos)) != len(itos):
        seen: set[str] = set()
        for index, token in enumerate(itos):
            if token in seen:
                raise DataError(
                    f"Token {token!r} comes twice, the second time at index {index}; "
                    "leave one of them out."
                )
            seen.add(token)
