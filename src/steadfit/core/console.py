"""Lines for the person who runs the program."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Write one line to standard output at once, so that logs and notebooks keep up."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
