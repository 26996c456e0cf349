"""What holds for every test: one thread a worker, a cache folder of its own, the same examples."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import hypothesis
import pytest
import torch

from steadfit.kernels.choose import VARIABLE, native_problem
from steadfit.kernels.precision import has_bf16_lstm

# The same few examples on every machine: a failure is never a matter of luck, and the run is short.
hypothesis.settings.register_profile(
    "steadfit", derandomize=True, deadline=None, max_examples=25, database=None
)
hypothesis.settings.load_profile("steadfit")

# Two workers with two threads each would be slower on two cores than with one.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def steadfit_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the user's cache folder."""
    folder = tmp_path_factory.mktemp("steadfit-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEADFIT_HOME", str(folder))
        yield folder


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the native kernels whatever the environment says; skip where they cannot run."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if problem := native_problem():
        pytest.skip(f"no native kernels: {problem}")


@pytest.fixture
def bf16_lstm() -> None:
    """Skip where PyTorch has no LSTM in bfloat16 for this CPU."""
    if not has_bf16_lstm():
        pytest.skip("PyTorch has no LSTM in bfloat16 for this processor")


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[Callable[[str, bytes], Path]]:
    """Give a function that names a pipe which bytes come out of, as a shell's <( ) does."""
    if not Path("/dev/fd").exists():
        pytest.skip("pipes have no names here")

    def write(end: int, content: bytes) -> None:
        with suppress(BrokenPipeError), open(end, "wb") as file:
            file.write(content)

    with ExitStack() as ends:

        def pipe(name: str, content: bytes) -> Path:
            out, into = os.pipe()
            ends.callback(os.close, out)
            threading.Thread(target=write, args=(into, content), daemon=True).start()
            path = tmp_path / name
            path.symlink_to(f"/dev/fd/{out}")
            return path

        yield pipe


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
