from __future__ import annotations

import pytest
import torch

from steadfit.core.errors import DataError
from steadfit.kernels import choose, precision
from steadfit.kernels.choose import use_kernels
from steadfit.kernels.precision import has_fast_bf16

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("unknown")


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16"])
def test_with_instructions_for_it_bfloat16_is_fast_whatever_computes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: True}, raising=False)
    use_kernels("plain")
    assert has_fast_bf16(CPU)


@pytest.mark.usefixtures("native")
def test_without_them_it_is_where_the_native_kernels_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: False)
    assert has_fast_bf16(CPU)
    use_kernels("plain")
    assert not has_fast_bf16(CPU)


def test_without_them_a_choice_that_cannot_be_is_refused_and_a_missing_compiler_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: False)
    monkeypatch.setattr(choose, "native_problem", lambda: "there is no compiler")
    monkeypatch.setattr(choose, "missing_instructions", tuple)
    choose._say_once.cache_clear()
    assert not has_fast_bf16(CPU)
    assert not has_fast_bf16(CPU)
    assert capsys.readouterr().err.count("there is no compiler") == 1
    for name in ("native", "fast"):
        monkeypatch.setenv("STEADFIT_KERNELS", name)
        with pytest.raises(DataError, match="auto"):
            has_fast_bf16(CPU)
