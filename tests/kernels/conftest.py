"""How the native kernels are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

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


@pytest.fixture(params=[torch.float64, torch.bfloat16], ids=str)
def another_default_type(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Set, when it is called, the type of PyTorch's numbers until the test is over."""
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(request.param)
    torch.set_default_dtype(before)
