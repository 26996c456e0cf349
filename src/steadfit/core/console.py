"""Lines for the person who runs the program."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line to standard output at once, so that logs and notebooks keep up."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Write one line to standard error: what is good to know, but no result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
