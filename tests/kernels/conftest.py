"""How the native kernels are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steadfit.kernels import choose
from steadfit.kernels.native_library import library


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let it be found out anew whether the native kernels can run, here and after the test."""
    monkeypatch.delenv(choose.VARIABLE, raising=False)
    monkeypatch.setattr(choose, "_chosen", None)
    caches = (library, choose.native_problem, choose._say_once)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
