"""Memory that a loop frees and asks for again, kept instead of given back each time."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

# Numbers of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_ALL = 2**31 - 1
# Where glibc's own rule ends up in a process that uses large blocks.
_USUAL = {_MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 64 * 2**20}

_lock = Lock()
_blocks = 0


@contextmanager
def reused_memory() -> Iterator[None]:
    """Keep freed memory of any size for the next request inside the block, and give it back after.

    A training step frees hundreds of megabytes and asks for them again. Blocks above 32 MB would go
    back to the system each time, and every page of the next ones would be cleared and mapped anew.
    Where the allocator is another than glibc's this does nothing.
    """
    global _blocks
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _set({_MMAP_THRESHOLD: _ALL, _TRIM_THRESHOLD: _ALL})
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                _set(_USUAL)
                if (library := _glibc()) is not None:
                    library.malloc_trim(0)


def _set(options: dict[int, int]) -> None:
    if (library := _glibc()) is not None:
        for option, value in options.items():
            library.mallopt(option, value)


@functools.cache
def _glibc() -> Any:
    """Return the C library if it has these calls."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
