"""Sizes of a network as words of the command line."""

from __future__ import annotations

from steadfit.core.errors import DataError

_NAMES = ("emb_sz", "n_hid", "n_layers")


def sizes_of(words: str) -> dict[str, int]:
    """Return `emb_sz=400,n_hid=1152` as numbers by name.

    Raises:
        DataError: another name, or no whole number.
    """
    found = {}
    for part in filter(None, (part.strip() for part in words.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in _NAMES or not value.strip().isdecimal():
            raise DataError(
                f"--sizes: {part!r} is none; accepted are {', '.join(_NAMES)}, such as n_hid=1152"
            )
        found[name.strip()] = int(value)
    return found


def named_or_none(word: str) -> str | None:
    """Return None for the word `none`, and any other as it is."""
    return None if word == "none" else word
