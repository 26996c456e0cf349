"""Names that become folders."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.checks import a_path
from steadfit.core.console import say
from steadfit.core.errors import DataError

_PICKLES = (".pkl", ".pickle", ".pth")  # what fastai's names end with


def plain_name(name: str | Path) -> str:
    """Return a name without fastai's file endings.

    Raises:
        DataError: the name would leave the folder it belongs in, or names none.
    """
    plain = str(name) if isinstance(name, (str, Path)) else ""
    for ending in _PICKLES:
        plain = plain.removesuffix(ending)
    parts = Path(plain)
    if not parts.parts or parts.anchor or ".." in parts.parts or "\0" in plain:
        raise DataError(f"A name is {str(name)!r}; give a plain name such as 'fine_tuned'.")
    return plain


def folder_name(name: str | Path) -> str:
    """Return the folder for a name (see `plain_name`), with a notice of an ending taken off."""
    plain = plain_name(name)
    if plain != str(name):
        say(f"Nothing is pickled: {plain} is a folder.")
    return plain


def folder_of(folder: Path, name: str | Path) -> Path:
    """Return the folder `name` below `folder`, or where there is none, the one of that path."""
    name = a_path("name", name)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return Path(name)
    inside = folder / folder_name(name)
    return Path(name) if not inside.is_dir() and Path(name).is_dir() else inside
