from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from steadfit.kernels import native_library
from steadfit.kernels.native_library import SOURCES, NativeError, library

pytestmark = pytest.mark.usefixtures("native", "unknown")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build, in a cache folder of its own, from a folder with one of the sources alone."""
    folder = tmp_path / "native"
    folder.mkdir()
    shutil.copy(SOURCES / "ready.cpp", folder)
    monkeypatch.setattr(native_library, "SOURCES", folder)
    monkeypatch.setattr(native_library, "_SIGNATURES", {})
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "home"))
    return folder


def built() -> list[Path]:
    return sorted(Path(os.environ["STEADFIT_HOME"], "kernels").glob("*"))


def test_they_are_built_once_and_used_again(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = library()
    (path,) = built()
    assert first._name == str(path)
    library.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert library()._name == str(path)
    assert built() == [path]


def test_other_sources_headers_and_flags_are_another_library(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, change in enumerate(
        [
            lambda: None,
            lambda: (sources / "more.cpp").write_text("// more\n"),
            lambda: (sources / "more.h").write_text("// more\n"),
            lambda: monkeypatch.setattr(
                native_library, "_FLAGS", (*native_library._FLAGS, "-DMORE")
            ),
        ],
        start=1,
    ):
        change()
        library.cache_clear()
        library()
        assert len(built()) == count


def test_sources_that_do_not_compile_give_the_compilers_first_error_and_leave_nothing(
    sources: Path,
) -> None:
    (sources / "broken.cpp").write_text(
        "#warning harmless\nint first = nowhere;\nint second = elsewhere;\n"
    )
    with pytest.raises(NativeError, match=r"failed: .*broken.cpp.*error.*nowhere") as raised:
        library()
    assert "elsewhere" not in str(raised.value)
    assert built() == []


def test_a_compiler_that_takes_too_long_is_stopped(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_library, "_BUILD_SECONDS", 0.001)
    with pytest.raises(NativeError, match=r"took more than 0\.001 s"):
        library()
    assert built() == []


def test_a_compiler_that_fails_without_a_word_is_named(
    sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mute = tmp_path / "bin" / "g++"
    mute.parent.mkdir()
    mute.write_text("#!/bin/sh\nexit 3\n")
    mute.chmod(0o755)
    monkeypatch.setenv("PATH", str(mute.parent))
    with pytest.raises(NativeError, match=r"bin/g\+\+ failed: no message"):
        library()


def test_a_damaged_library_is_said_to_be_one(sources: Path) -> None:
    path = native_library._built()
    path.write_bytes(b"no library")
    with pytest.raises(NativeError, match=f"{path.name} cannot be loaded"):
        library()


def test_a_cache_folder_that_cannot_be_written_is_named(
    sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "file"))
    with pytest.raises(NativeError, match=r"file/kernels/.* cannot be written"):
        library()


def test_two_processes_may_build_at_once(sources: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from steadfit.kernels import native_library
        native_library.SOURCES = Path(sys.argv[1])
        native_library._SIGNATURES = {}
        print(native_library.library()._name)
    """)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(sources)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    (path,) = built()
    assert answers == [str(path), str(path)]


def test_with_fewer_threads_than_wanted_they_do_not_wait_for_the_others() -> None:
    program = textwrap.dedent("""
        import torch
        from steadfit.kernels.native_cross_entropy import native_cross_entropy
        torch.set_num_threads(4)
        weight = torch.ones(1200, 8, requires_grad=True)
        loss = native_cross_entropy(torch.ones(60, 8), weight, None, torch.arange(60))
        loss.backward()
        print(round(loss.item() / 60, 4), weight.grad.isfinite().all().item())
    """)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split() == ["7.0901", "True"], done.stderr  # the logarithm of 1200
