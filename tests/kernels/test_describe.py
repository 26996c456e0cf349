"""What is said about the kernels is what is done."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.kernels import choose, native_library
from steadfit.kernels.choose import describe, uses_native
from steadfit.kernels.native_library import AVX2, WAYS, compiler, instructions, library

pytestmark = pytest.mark.usefixtures("unknown")


def in_bf16() -> bool:
    x = torch.ones(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        return uses_native(x, x)


def lacking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for module in (choose, native_library):
        monkeypatch.setattr(module, "missing_instructions", lambda: names)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("name", ["auto", "native"])
def test_native_kernels_are_described_with_their_place(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", name)
    found = describe()
    assert (found.chosen, found.used) == (name, "native")
    assert found.library is not None
    assert Path(found.library).is_file()
    assert in_bf16()


def test_plain_ones_are_described_without_building_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    monkeypatch.setattr(choose, "library", lambda: pytest.fail("they were built"))
    found = describe()
    assert found[:2] == ("plain", "plain")
    assert "Plain was chosen" in found.reason
    assert not in_bf16()


def test_without_a_compiler_the_reason_says_what_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path))
    found = describe()
    assert found[:2] == ("auto", "plain")
    assert "no C++ compiler" in found.reason
    assert found.reason.endswith(choose.LOSS)
    assert compiler() is None
    assert not in_bf16()


def test_without_the_instructions_nothing_is_lost_that_could_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking(monkeypatch, "amx_bf16")
    found = describe()
    assert found[:2] == ("auto", "plain")
    assert "no amx_bf16" in found.reason
    assert choose.LOSS not in found.reason


def test_what_was_asked_for_and_cannot_be_is_described_as_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking(monkeypatch, "amx_bf16")
    monkeypatch.setenv("STEADFIT_KERNELS", "native")
    assert describe()[:2] == ("native", "")
    with pytest.raises(DataError, match="no amx_bf16"):
        in_bf16()


def test_another_name_is_described_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "fast")
    found = describe()
    assert found[:2] == ("", "")
    assert found.reason == "STEADFIT_KERNELS is 'fast'; accepted are auto, plain, native."


def test_all_instructions_that_are_needed_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    has = {"avx2": True, "avx512_f": True, "amx_int8": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert instructions() == {
        **dict.fromkeys(WAYS["amx"], False),
        "avx2": True,
        "avx512_f": True,
    }


def test_elsewhere_than_on_linux_the_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, *AVX2)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(native_library.NativeError, match="they are for Linux, and this is darwin"):
        library()
