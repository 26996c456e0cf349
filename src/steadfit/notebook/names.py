"""Names that become folders."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.checks import a_path
from steadfit.core.console import say
from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.pretrained import installed_models, not_installed
from steadfit.files.wt103 import FETCHED

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


def model_of(folder: Path, name: str | Path) -> str | Path:
    """Return the folder `name` below `folder`, else the one of that path, else a model's name.

    Raises:
        FileFormatError: a plain name that is none of these.
    """
    path = a_path("name", name)
    if path.is_absolute() or ".." in path.parts:
        return path
    inside = folder / folder_name(path)
    if inside.is_dir() or path.is_dir():
        return inside if inside.is_dir() else path
    if path.name != str(name):
        return inside
    if path.name not in (*installed_models(), *FETCHED):
        raise FileFormatError(f"There is no model folder {inside}, and {not_installed(path.name)}")
    return path.name
