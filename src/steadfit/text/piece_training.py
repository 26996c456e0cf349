"""Pieces of words found in texts, by the trainer of the library `tokenizers`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any
from unicodedata import category

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError
from steadfit.text.pieces import FIXED, SPACE, Pieces
from steadfit.text.rules import fix_html
from steadfit.text.subword_rules import items_of
from steadfit.text.vocab import MARKERS

FEWEST_PIECES, MOST_PIECES = 300, 1 << 16
CHARACTERS = 20_000_000  # of text that pieces are found in, at most

_BLOCK = 10_000  # characters of a text that are taken or left out together
_LONGEST = 16  # characters of a piece
_TOGETHER = 1_000  # times a part is written in one line
_UNKNOWN = "<unk>"
_DIGITS = 4  # of a score; in more the order in which the library adds could be seen
_BAND = 1e-4  # by which the library sets apart the characters it has no score for


def train_pieces(
    texts: Iterable[str], vocab_size: int = 8000, characters: int = CHARACTERS
) -> Pieces:
    """Return pieces of the words in `texts`: the same for the same texts, on any machine.

    Markers, the line feed and the 256 bytes count towards `vocab_size`; where the texts have few
    words there may be fewer pieces. Characters seen twice are pieces themselves, the most frequent
    first, until they are half of all; others will be written in bytes.

    Args:
        texts: in any language; read once and not held.
        vocab_size: tokens at most, 4,000 to 32,000 for most uses.
        characters: of the texts that are held at most. Of longer ones every second block of 10,000
            is used, or every fourth, and so on.

    Raises:
        DataError: the size is out of range, an item is no text, the texts have too few words, or
            the library is not installed.
    """
    check_size(vocab_size)
    whole_number("characters", characters, _BLOCK)
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        kind = "one string" if isinstance(texts, str) else type(texts).__name__
        raise DataError(f"texts is {kind}; give an iterable of texts.")
    library = _library()
    room = vocab_size - len(FIXED)
    blocks = _sampled(texts, characters)
    seen = Counter(_parts(blocks))
    alphabet = _alphabet(seen, room // 2)
    if len(alphabet) < 2 or len(seen) < 2:
        raise DataError(
            f"The texts have {len(seen)} different words, too few to find pieces in; give more "
            "text, or use whole words."
        )
    return _pieces(_trained(library, seen, alphabet, room), room)


def check_size(vocab_size: int) -> int:
    """Return the size of a vocabulary of pieces.

    Raises:
        DataError: it is no whole number, or out of range.
    """
    return whole_number("vocab_size", vocab_size, FEWEST_PIECES, MOST_PIECES)


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise DataError(
            "Finding pieces needs the library tokenizers: pip install 'steadfit[subwords]'. Using "
            "those that were found does not."
        ) from error
    return tokenizers


def _sampled(texts: Iterable[str], characters: int) -> list[str]:
    """Return blocks of texts, evenly spread, that have `characters` together at most."""
    taken: list[str] = []
    step, held = 1, 0
    for number, block in enumerate(_blocks(texts)):
        if number % step:
            continue
        taken.append(block)
        held += len(block)
        while held > characters:
            step *= 2
            del taken[1::2]
            held = sum(map(len, taken))
    return taken


def _blocks(texts: Iterable[str]) -> Iterator[str]:
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"Document {place} is {type(text).__name__}, not a text (str).")
        for begin in range(0, len(text), _BLOCK):
            yield text[begin : begin + _BLOCK]


def _parts(blocks: Iterable[str]) -> Iterator[str]:
    chunks = Counter(chunk for block in blocks for chunk in fix_html(" " + block).split())
    for chunk, count in chunks.items():
        for item in items_of(chunk):
            if isinstance(item, str):
                yield from repeat(item, count)


def _alphabet(seen: Counter[str], most: int) -> frozenset[str]:
    counts: Counter[str] = Counter()
    for part, count in seen.items():
        for character in part:
            counts[character] += count
    del counts[" "]
    # Neither control characters nor halves of surrogate pairs can be given to the library.
    found = [
        (-count, character)
        for character, count in counts.items()
        if count > 1 and character != SPACE and category(character) not in ("Cc", "Cs")
    ]
    return frozenset(character for _, character in sorted(found)[:most])


def _trained(
    library: Any, seen: Counter[str], alphabet: frozenset[str], room: int
) -> dict[str, float]:
    """Return the score of each piece, as the library has it."""
    model = library.Tokenizer(library.models.Unigram())
    model.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    trainer = library.trainers.UnigramTrainer(
        vocab_size=room + 1,
        show_progress=False,
        unk_token=_UNKNOWN,
        special_tokens=[_UNKNOWN],
        initial_alphabet=[SPACE, *sorted(alphabet)],
        max_piece_length=_LONGEST,
    )
    model.train_from_iterator(_lines(seen, alphabet), trainer)
    pieces = json.loads(model.to_str())["model"]["vocab"]
    return {piece: score for piece, score in pieces if piece != _UNKNOWN}


def _lines(seen: Counter[str], alphabet: frozenset[str]) -> Iterator[str]:
    """Yield each part as often as it was seen, without what is not in the alphabet."""
    for part, count in seen.items():
        known = "".join(c if c in alphabet else "\n" for c in part.removeprefix(" "))
        line = f"{SPACE if part[0] == ' ' else ''}{known} "
        for begin in range(0, count, _TOGETHER):
            yield line * min(_TOGETHER, count - begin)
        if count > 2:
            # The library considers what stands at two places, and counts places in different words:
            # a frequent word that is part of no other would never be a piece.
            yield "".join(2 * word + " " for word in line.split())


def _pieces(scores: dict[str, float], room: int) -> Pieces:
    """Return the pieces with scores that do not show in which order the library added.

    It adds in an order that is another each time, so that the last digits are not the same, and it
    numbers the characters that it has no score for in such an order: they all get the lowest.
    """
    least = min(scores.values())
    band = least + _BAND * (sum(len(piece) == 1 for piece in scores) + 1)
    fixed = {
        piece: round(least if len(piece) == 1 and score < band else score, _DIGITS)
        for piece, score in scores.items()
        if piece not in MARKERS
    }
    single = sorted((-score, piece) for piece, score in fixed.items() if len(piece) == 1)
    longer = sorted((-score, piece) for piece, score in fixed.items() if len(piece) > 1)
    kept = sorted(single + longer[: room - len(single)])
    return Pieces([piece for _, piece in kept], [-score for score, _ in kept])
