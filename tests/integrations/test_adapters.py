"""Each callback inside the library it is for, and the recipes of the page, case by case."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(HERE.glob("cases_*.py"))
ENVIRONMENTS = {"cases_fastai": (".venv-fastai", "STEADFIT_PEER_PYTHON")}
OTHERS = (".venv-integrations", "STEADFIT_INTEGRATIONS_PYTHON")


def cases(file: Path) -> list[str]:
    """Return the names of a file's cases, without importing it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    return [name for name in names if name.startswith("test_")]


@cache
def outcomes(file: Path) -> dict[str, str | None]:
    """Run all cases of a file in one process, since importing the library takes longest."""
    folder, variable = ENVIRONMENTS.get(file.stem, OTHERS)
    where = ROOT / folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    python = os.environ.get(variable, str(where))
    if shutil.which(python) is None:
        pytest.exit(f"There is no {python}; build the environments by: make integrations")
    surroundings = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PYTHONUTF8": "1",
        "TQDM_DISABLE": "1",
    }
    done = subprocess.run(
        [python, str(HERE / "run_cases.py"), str(file)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=surroundings,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{file.name} could not be run:\n{done.stderr}")
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("file", "case"),
    [
        pytest.param(file, case, id=f"{file.stem.removeprefix('cases_')}-{case}")
        for file in FILES
        for case in cases(file)
    ],
)
def test_in_the_library_itself(file: Path, case: str) -> None:
    problem = outcomes(file)[case]
    if problem and problem.startswith("skipped: "):
        pytest.skip(problem)
    if problem:
        pytest.fail(problem, pytrace=False)


def test_every_library_has_cases() -> None:
    assert {file.stem for file in FILES} == {
        f"cases_{library}" for library in ("fastai", "lightning", "skorch", "transformers")
    }


@pytest.mark.parametrize("library", ["fastai", "lightning", "skorch"])
def test_without_the_library_the_import_names_the_extra(library: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None; import steadfit.integrations.{library}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'steadfit[{library}]'" in done.stderr.splitlines()[-1]
