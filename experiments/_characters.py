"""Text as characters: three parts of one text, each read in parallel contiguous rows."""

from __future__ import annotations

import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import torch
from torch import Tensor

from steadfit.core.errors import DataError

BROWN = Path(__file__).parent / "data" / "brown.txt.xz"
RAREST = 10  # occurrences; rarer characters are one symbol together


class Characters(NamedTuple):
    """A text as symbol numbers, cut into parts that follow each other."""

    train: Tensor  # int64 (characters,)
    valid: Tensor
    test: Tensor
    symbols: int


def read_characters(path: str | Path = BROWN, limit: int | None = None) -> Characters:
    """Read a text file, `.xz` or plain UTF-8, and cut it 90 : 5 : 5.

    Symbols are the characters that occur ten times or more in the training part; all others are one
    symbol, number 0.

    Args:
        path: any text.
        limit: read so many characters only.

    Raises:
        DataError: the file cannot be read, or holds too little.
    """
    path = Path(path)
    try:
        with _opened(path) as file:
            text = file.read(limit if limit is not None else -1)
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise DataError(
            f"{path} cannot be read as text ({error}); give UTF-8, plain or .xz"
        ) from error
    if len(text) < 10_000:
        raise DataError(f"{path} holds {len(text):,} characters; 10,000 are the least")
    first, second = int(0.9 * len(text)), int(0.95 * len(text))
    counts = Counter(text[:first])
    numbers = {c: n for n, c in enumerate(sorted(c for c in counts if counts[c] >= RAREST), 1)}
    ids = torch.tensor([numbers.get(c, 0) for c in text])
    return Characters(ids[:first], ids[first:second], ids[second:], len(numbers) + 1)


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def windows(part: Tensor, rows: int, time: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets (rows, time); each row reads on from window to window.

    The last window is shorter; what does not fill the rows is left out.
    """
    steps = (len(part) - 1) // rows
    inputs = part[: rows * steps].view(rows, steps)
    targets = part[1 : rows * steps + 1].view(rows, steps)
    for begin in range(0, steps, time):
        yield inputs[:, begin : begin + time], targets[:, begin : begin + time]


def pieces(part: Tensor, rows: int, time: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw `rows` pieces of `time` steps from anywhere in the text: inputs and targets."""
    begins = torch.randint(0, len(part) - time - 1, (rows, 1), generator=generator)
    places = begins + torch.arange(time + 1)
    drawn = part[places]
    return drawn[:, :-1], drawn[:, 1:]
