"""Which pretrained language model fits some texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.pretrained import installed_models, pretrained_folder
from steadfit.files.transfer import read_pretrained
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import UNK

AUTO = "auto"
ENGLISH = "base-en"
_TEXTS = 200  # looked at
_CHARACTERS = 2_000  # of each
KNOWN = 0.85  # share of tokens it should know; of German text an English model knows about 0.3


def base_for(texts: Sequence[str], wanted: str | Path | None = AUTO) -> str | Path | None:
    """Return the pretrained model to begin with; None is none.

    Args:
        texts: of the task.
        wanted: `auto` is the English one, where it is installed and knows the texts' words;
            anything else is returned as it is.
    """
    if wanted != AUTO:
        return wanted
    if ENGLISH not in installed_models():
        say(f"No pretrained model {ENGLISH} is installed: the language model starts from nothing.")
        return None
    known = known_share(texts, pretrained_folder(ENGLISH))
    if known < KNOWN:
        say(
            f"{ENGLISH} knows {known:.0%} of the tokens, so it is not used; "
            f"pretrained={ENGLISH!r} takes it all the same."
        )
        return None
    say(f"The language model begins with {ENGLISH}, which knows {known:.0%} of the tokens.")
    return ENGLISH


def check_directions(base: str | Path | None, directions: Sequence[bool]) -> None:
    """Raise unless a pretrained model reads texts in each direction, backwards or not.

    Raises:
        DataError: it reads the other way.
        FileFormatError: it cannot be read.
    """
    if base is None:
        return
    for backwards in directions:
        if read_pretrained(base, backwards).saved.backwards != backwards:
            ways = ("forwards", "backwards") if backwards else ("backwards", "forwards")
            raise DataError(
                f"pretrained is {base}, which reads texts {ways[0]}, and a network that reads them "
                f"{ways[1]} was asked for. Give backwards={not backwards}, or a model of that "
                f"direction; {ENGLISH} has both."
            )


def check_sizes(
    base: str | Path | None,
    sizes: Mapping[str, Any],
    wanted: str | Path | None = None,
    backwards: bool = False,
) -> None:
    """Say or raise where sizes are given that a pretrained model does not have: its own count.

    Args:
        base: what is begun with; None is nothing, and takes them.
        sizes: as keys of a network's configuration.
        wanted: what was asked for; where it was `auto` a line says so, otherwise it is an error.
        backwards: of two directions the one that is begun with.

    Raises:
        DataError: a model that was named has others.
    """
    if base is None:
        return
    there = read_pretrained(base, backwards).sizes if sizes else {}
    if others := {name: size for name, size in sizes.items() if there.get(name, size) != size}:
        own = {name: there[name] for name in others}
        if wanted != AUTO:
            raise DataError(
                f"sizes is {others}, but {base} has {own}. Leave sizes out, or give "
                "pretrained=None to begin with a network of these sizes."
            )
        say(f"{base} is begun with, so sizes are its own, {own}; pretrained=None takes others.")


def known_share(texts: Sequence[str], folder: Path) -> float:
    """Return the share of the tokens of some texts, from all over, that a model knows."""
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    step = max(1, len(texts) // _TEXTS)
    known = total = 0
    for text in islice(texts, 0, None, step):
        ids = tokenizer.encode(text[:_CHARACTERS])
        total += len(ids) - 1  # a text begins with a marker that every model knows
        known += len(ids) - 1 - ids.count(UNK)
    return known / total if total else 0.0
