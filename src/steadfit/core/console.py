"""Lines for the person who runs the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_QUIET = ContextVar("steadfit_quiet", default=False)


def say(line: str) -> None:
    """Write one line to standard output at once, so that logs and notebooks keep up."""
    if not _QUIET.get():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def note(line: str) -> None:
    """Write one line to standard error: what is good to know, but no result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def quiet(wished: bool = True) -> Iterator[None]:
    """Let `say` write nothing inside the block, in this thread alone; notes are written."""
    token = _QUIET.set(wished)
    try:
        yield
    finally:
        _QUIET.reset(token)
