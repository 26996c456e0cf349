"""Whether the native kernels run here, and how they are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import torch

from steadfit.kernels import choose
from steadfit.kernels.native_library import library


@pytest.fixture
def native() -> None:
    """Skip where the native kernels cannot run."""
    if problem := choose.native_problem():
        pytest.skip(f"no native kernels: {problem}")


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


@pytest.fixture
def on_threads() -> Callable[[int], AbstractContextManager[None]]:
    """Give a context in which torch has another number of threads."""
    before = torch.get_num_threads()

    @contextmanager
    def threads(count: int) -> Iterator[None]:
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    return threads
