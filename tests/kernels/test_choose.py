from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.kernels import choose, native_library
from steadfit.kernels import linear_cross_entropy as softmax
from steadfit.kernels import lstm as layer
from steadfit.kernels.choose import CHOICES, choice, native_problem, use_kernels, uses_native
from tests.kernels.lstm_cases import case

pytestmark = pytest.mark.usefixtures("unknown")
X = torch.ones(2, 3)


def lacking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let the processor lack these instructions and no others."""
    for module in (choose, native_library):
        monkeypatch.setattr(module, "missing_instructions", lambda: names)


def in_bf16(x: torch.Tensor = X, *weights: torch.Tensor | None) -> bool:
    with torch.autocast("cpu", torch.bfloat16):
        return uses_native(x, *weights)


def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the layer and the softmax, and return which went through native kernels."""
    calls: list[str] = []

    def noted(module: Any, name: str) -> None:
        kernel = getattr(module, name)

        def observed(*arguments: Any) -> Any:
            calls.append(name)
            return kernel(*arguments)

        monkeypatch.setattr(module, name, observed)

    noted(layer, "native_lstm")
    noted(softmax, "native_cross_entropy")
    noted(softmax, "row_scores")
    x, state, weights, *_ = case(2, 3, 4, 5, masked=False)
    targets = torch.tensor([0, 3])
    with torch.autocast("cpu", torch.bfloat16):
        layer.lstm(x, state, weights)
        softmax.linear_cross_entropy(x[:, 0], weights.ih, None, targets)
        softmax.token_scores(x[:, 0], weights.ih, None, targets)
    return calls


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("instructions", [True, False])
def test_by_default_layer_and_softmax_are_native_in_bfloat16(
    instructions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choice() == "auto"
    monkeypatch.setattr(softmax, "multiplies_bf16", lambda: instructions)
    trained = ["native_cross_entropy"] if instructions else []  # PyTorch's in float32 is faster
    assert used(monkeypatch) == ["native_lstm", *trained, "row_scores"]


@pytest.mark.parametrize("how", ["variable", "function"])
def test_plain_switches_them_off_without_building_them(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if how == "variable":
        monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    else:
        use_kernels("plain")
    monkeypatch.setattr(choose, "library", lambda: pytest.fail("they were built"))
    assert used(monkeypatch) == []
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("native")
def test_the_function_counts_more_than_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    assert not in_bf16()
    use_kernels("native")
    assert in_bf16()
    use_kernels("auto")
    assert in_bf16()


@pytest.mark.usefixtures("native")
def test_they_are_for_bfloat16_of_float32_weights_on_the_cpu_and_something_to_compute() -> None:
    assert in_bf16(X, X, None)
    assert in_bf16(X.bfloat16(), X)
    assert not uses_native(X, X)
    assert not in_bf16(X, X, X.double())
    assert not in_bf16(X, X.bfloat16())
    assert not in_bf16(X[:0], X)
    assert not in_bf16(X.to("meta"), X)
    with torch.autocast("cpu", torch.float16):
        assert not uses_native(X, X)


@pytest.mark.parametrize("name", ["", "fast", "NATIVE", "auto "])
def test_another_name_is_refused_and_the_names_are_said(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=", ".join(CHOICES)) as raised:
        use_kernels(name)
    assert f"use_kernels is {name!r}" in str(raised.value)
    assert choice() == "auto"
    if name:
        monkeypatch.setenv("STEADFIT_KERNELS", name)
        with pytest.raises(DataError, match=f"STEADFIT_KERNELS is '{name}'"):
            in_bf16()


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "")
    assert choice() == "auto"


def test_asked_for_without_the_instructions_the_error_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacking(monkeypatch, "avx512_f", "amx_bf16")
    with pytest.raises(DataError, match=r"no avx512_f, amx_bf16.*auto and plain"):
        use_kernels("native")
    assert choice() == "auto", "what was refused was chosen all the same"
    monkeypatch.setenv("STEADFIT_KERNELS", "native")
    with pytest.raises(DataError, match="no avx512_f, amx_bf16"):
        in_bf16()


def test_without_the_instructions_pytorch_does_it_and_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking(monkeypatch, "amx_bf16")
    assert used(monkeypatch) == []
    assert capsys.readouterr().err == ""


def test_without_a_compiler_pytorch_does_it_and_one_line_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lacking(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path))
    assert used(monkeypatch) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "no C++ compiler (g++, c++ or clang++)" in line
    assert "STEADFIT_KERNELS=plain" in line
    assert used(monkeypatch) == []
    assert capsys.readouterr().err == ""
    with pytest.raises(DataError, match=r"there is no C\+\+ compiler"):
        use_kernels("native")


def test_without_a_folder_to_keep_them_pytorch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch)

    def homeless() -> Path:
        raise DataError("no folder for cached files")

    monkeypatch.setattr(native_library, "home", homeless)
    assert native_problem() == "no folder for cached files"
    assert used(monkeypatch) == []
