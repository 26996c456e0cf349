"""How the command answers, and how it ends when something is wrong."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from steadfit.cli.main import app, main
from steadfit.core.console import say
from steadfit.core.errors import DataError


def replace_demo(patch: pytest.MonkeyPatch, run_demo: Any) -> None:
    module = ModuleType("steadfit.cli.demo")
    module.run_demo = run_demo  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "steadfit.cli.demo", module)


def raising(error: BaseException) -> Any:
    def run_demo(**_: Any) -> None:
        raise error

    return run_demo


def run_main(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    patch.setattr(sys, "argv", ["steadfit", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output == f"steadfit {version('steadfit')}\n"


def test_help_names_the_commands() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "demo" in result.output


def test_the_command_line_is_there_without_the_heavy_libraries() -> None:
    heavy = ["torch", "numpy", "sklearn", "matplotlib", "polars"]
    code = f"import sys, steadfit.cli.main; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_gets_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    replace_demo(monkeypatch, lambda **settings: calls.append(settings))
    arguments = ["demo", "--quick", "--json", "--out", "here", "--seed", "7"]
    arguments += ["--checkpoint-dir", "there"]
    assert run_main(monkeypatch, *arguments) == 0
    assert run_main(monkeypatch, "demo") == 0
    assert calls == [
        {
            "quick": True,
            "as_json": True,
            "out": Path("here"),
            "seed": 7,
            "checkpoint_dir": Path("there"),
        },
        {
            "quick": False,
            "as_json": False,
            "out": Path("runs/demo"),
            "seed": 0,
            "checkpoint_dir": None,
        },
    ]


def test_what_no_terminal_can_show_is_printed_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_demo(monkeypatch, lambda **_: say("wrote r\udce9views"))
    assert run_main(monkeypatch, "demo") == 0
    assert capsys.readouterr().out == "wrote r\\udce9views\n"


def test_an_error_of_the_user_is_one_line_and_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STEADFIT_DEBUG", raising=False)
    replace_demo(monkeypatch, raising(DataError("reviews.csv:12: no label;\n  add one")))
    assert run_main(monkeypatch, "demo") == 1
    assert capsys.readouterr() == ("", "error: reviews.csv:12: no label; add one\n")


def test_debug_shows_where_an_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFIT_DEBUG", "1")
    replace_demo(monkeypatch, raising(DataError("no label")))
    monkeypatch.setattr(sys, "argv", ["steadfit", "demo"])
    with pytest.raises(DataError, match="no label"):
        main()


def test_a_fault_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_demo(monkeypatch, raising(ZeroDivisionError()))
    monkeypatch.setattr(sys, "argv", ["steadfit", "demo"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_an_interrupt_gives_130(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_demo(monkeypatch, raising(KeyboardInterrupt()))
    assert run_main(monkeypatch, "demo") == 130


def test_an_interrupt_outside_of_a_command_gives_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadfit.cli.main.app", raising(KeyboardInterrupt()))
    assert run_main(monkeypatch) == 130


@pytest.mark.parametrize("arguments", [["dmeo"], ["demo", "--seed", "-1"], ["demo", "--fast"]])
def test_a_wrong_call_gives_two_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    replace_demo(monkeypatch, raising(AssertionError("it ran")))
    assert run_main(monkeypatch, *arguments) == 2
