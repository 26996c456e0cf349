"""On a disk that is full at any moment: a clear error, the old files whole, nothing half done.

Two ways to a full disk. Each call that makes, syncs or renames a file is made to fail with ENOSPC:
the first one, the second and so on, until the work is done before the fault is reached. And the
system itself is told to let no file grow past a size, which cuts every write short in turn.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit import DataBunch, SteadfitError, TextList
from steadfit.core.atomic import atomic_file, atomic_folder, write_text
from steadfit.core.errors import DiskError
from steadfit.core.lock import process_lock
from steadfit.data.prepare import prepare_tokens
from steadfit.data.token_store import write_store
from steadfit.files.checkpoint import write_checkpoint
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.tensors import save_tensors
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.report.figures import figure_of_losses, save_figure
from steadfit.text.readers import read_texts
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.training.history import History, StepRecord

Work = Callable[[Path, int], Any]  # writes version 1 or 2 of something below a folder


class Faults:
    """Counts the calls that reach the disk; number `first` and those after it, up to `many`, fail.

    Only calls for files under `root` count.
    """

    def __init__(self, patch: pytest.MonkeyPatch, root: Path) -> None:
        self._root = str(root)
        self._first = self._many = self._calls = 0
        self._open = io.open
        for name in ("mkdir", "rename", "replace", "link"):
            patch.setattr(os, name, self._guarded(getattr(os, name)))
        patch.setattr(os, "fsync", self._guarded(os.fsync))
        patch.setattr(builtins, "open", self._opened)
        patch.setattr(io, "open", self._opened)

    @contextmanager
    def at(self, first: int, many: int) -> Iterator[None]:
        self._first, self._many, self._calls = first, many, 0
        try:
            yield
        finally:
            self._many = 0

    @property
    def reached(self) -> bool:
        return self._calls >= self._first

    def _check(self) -> None:
        self._calls += 1
        if self._first <= self._calls < self._first + self._many:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(file: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(file, int) or str(file).startswith(self._root):
                self._check()
            return call(file, *args, **kwargs)

        return guarded

    def _opened(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wxa") and str(file).startswith(self._root):
            self._check()
        return self._open(file, mode, *args, **kwargs)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparation that fails looks a few times whether another process was faster."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch, tmp_path)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let the system refuse to make any file longer than `size` bytes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def tokenizer() -> Tokenizer:
    return Tokenizer(Vocab([*MARKERS, "good", "bad"]))


def model(version: int) -> LanguageModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(version)
        sizes = {"emb_sz": 4, "n_hid": 6, "n_layers": 2}
        words = len(tokenizer().vocab)
        return LanguageModel(AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, words, 0.5, sizes))


def texts(version: int) -> list[str]:
    return [f"the film number {n} was good {'again ' * version}" for n in range(8)]


@cache
def data(version: int) -> DataBunch:
    """Return data that was prepared where no fault is injected."""
    split = TextList.from_texts(texts(version)).split_none().label_for_lm()
    return split.databunch(bs=2, bptt=5, min_freq=1)


# What is written, and how to see which version of it stands there, whole.


def write_a_file(root: Path, version: int) -> None:
    write_text(root / "notes.txt", f"version {version} " * 50)


def write_a_folder(root: Path, version: int) -> None:
    with atomic_folder(root / "folder") as fresh:
        (fresh / "sub").mkdir()
        (fresh / "sub" / "a").write_text(f"version {version}" * 20)
        write_text(fresh / "b", f"version {version}" * 20)


def write_weights(root: Path, version: int) -> None:
    save_tensors(root / "best.safetensors", {"a": torch.full((9,), version)})


def write_a_model(root: Path, version: int) -> None:
    save_model(root / "model", SavedModel(model(version), tokenizer()))


def write_a_checkpoint(root: Path, version: int) -> None:
    tensors = {"weight": torch.full((50,), version)}
    write_checkpoint(root / "run", version, tensors, {"version": version}, keep=1)


def write_tokens(root: Path, version: int) -> None:
    write_store(root / "store", [[version] * 50] * 3, labels=[version] * 3, vocab_size=9)


def prepare(root: Path, version: int) -> None:
    prepare_tokens(read_texts(texts(version)), min_freq=1, cache=root / "tokens")


def save_data(root: Path, version: int) -> None:
    replace(data(version), path=root).save("data")


def draw(root: Path, version: int) -> None:
    figure = figure_of_losses(History([StepRecord(0, 0.1, 0.9, version, version, {})], []))
    save_figure(figure, root / "losses.png")


WORKS = [
    write_a_file,
    write_a_folder,
    write_weights,
    write_a_model,
    write_a_checkpoint,
    write_tokens,
    prepare,
    save_data,
    draw,
]


def everything(root: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes, versions' times aside."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(params=WORKS, ids=lambda work: work.__name__)
def work(request: pytest.FixtureRequest) -> Work:
    return request.param


@pytest.mark.parametrize("many", [1, 10**9], ids=["one-fault", "from-then-on"])
def test_a_fault_at_any_call_leaves_what_was_there_and_says_what_to_do(
    work: Work, many: int, tmp_path: Path, faults: Faults
) -> None:
    root = tmp_path / "disk"
    with faults.at(10**9, 0):
        old = written(work, root)
    for first in range(1, 200):
        with faults.at(first, many):
            try:
                work(root, 2)
                failed = None
            except SteadfitError as error:
                failed = error
        if not faults.reached:
            assert failed is None
            break
        if failed is None:  # a way round the fault was found, such as a copy where a link failed
            restore(root, old)
            continue
        message = str(failed)
        assert isinstance(failed, DiskError)
        assert failed.errno == errno.ENOSPC
        assert str(root) in message
        assert "No space left" in message
        assert not any(name.endswith(".part") for name in map(str, root.rglob("*")))
        if "is written, but the disk did not confirm" in message:
            assert everything(root) != old
            restore(root, old)
        elif "lies whole in" in message:
            aside = Path(message.split("lies whole in ")[1].split(";")[0])
            assert sorted(everything(aside).values()) == sorted(old.values())
            restore(root, old)
        else:
            assert "free some space" in message
            assert everything(root) == old
    else:
        pytest.fail("the work never got through")
    assert everything(root) != old


def written(work: Work, root: Path) -> dict[str, bytes]:
    """Write version 1; version 2 was written before, elsewhere, so that only the disk is new."""
    work(root.parent / "elsewhere", 2)
    work(root, 1)
    return everything(root)


def longer_than(size: int, path: Path) -> bool:
    """Tell whether a file was written here that is longer; a link to another was not."""
    status = path.stat()
    return path.is_file() and status.st_nlink == 1 and status.st_size > size


def restore(root: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(root)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size there")
def test_writes_cut_short_at_any_size_leave_what_was_there(work: Work, tmp_path: Path) -> None:
    root = tmp_path / "disk"
    old = written(work, root)
    for size in (0, 1, 100, 127, 128, 150, 300, 1000, 3000):
        if any(longer_than(size, path) for path in root.rglob("*")):
            with pytest.raises(DiskError, match="File too large") as told, files_up_to(size):
                work(root, 2)
            assert str(root) in str(told.value)
        assert everything(root) == old


def test_a_lock_that_cannot_be_made_says_so(tmp_path: Path, faults: Faults) -> None:
    with (
        faults.at(1, 10**9),
        pytest.raises(DiskError, match=r"No space left.*free some space"),
        process_lock(tmp_path / "lock"),
    ):
        pass


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "mkdir", refuse)
    with (
        pytest.raises(DiskError, match=r"model could not be written.*folder that you may write to"),
        atomic_folder(tmp_path / "model"),
    ):
        pass


def test_an_error_of_the_block_itself_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic_file(tmp_path / "a"):
        raise KeyError
    assert everything(tmp_path) == {}
