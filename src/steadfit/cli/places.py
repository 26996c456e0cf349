"""Where results go: looked at before anything is done, so that no work is lost."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.home import write_problem
from steadfit.core.json_files import may_be_replaced


def refuse_existing(out: Path, overwrite: bool) -> None:
    """Check that a name is free, or may be taken.

    Raises:
        DataError: something stands there; or the folder above it cannot be written.
    """
    if out.exists() and not overwrite and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out} exists; name another place, or give --overwrite to replace it")
    if problem := write_problem(out.absolute().parent):
        raise DataError(f"{out} cannot be written ({problem}); name another place")


def refuse_other_than(what: str, out: Path, config: str, format: str) -> None:
    """Check that a place is free, or holds what may be replaced.

    Args:
        what: may be replaced, in words.
        out: the place.
        config: a file by which such a folder is known.
        format: which stands in it.

    Raises:
        FileFormatError: something else stands there.
    """
    if out.exists() and not may_be_replaced(out, config, format):
        raise FileFormatError(f"{out} is no {what}, so it is not replaced; name another place")
