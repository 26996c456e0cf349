"""Runs the cases of one file, by the Python that has the library and by no other.

`python run_cases.py FILE` calls every `test_…` function of FILE in its order, each with an empty
folder, and writes JSON: the traceback of each, null where the case holds; of one that raises
`unittest.SkipTest`, "skipped: " and why.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import sys
import tempfile
import traceback
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(file: Path) -> None:
    """Print what became of the cases."""
    with contextlib.redirect_stdout(sys.stderr):
        found = {name: _problem(case) for name, case in _cases(file).items()}
    sys.stdout.write(json.dumps(found))


def _cases(file: Path) -> dict[str, Callable[[Path], None]]:
    logging.disable(logging.WARNING)  # trainers say much
    warnings.filterwarnings("ignore")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # where pickle looks for its classes
    spec.loader.exec_module(module)
    names: dict[str, Any] = vars(module)
    return {name: value for name, value in names.items() if name.startswith("test_")}


def _problem(case: Callable[[Path], None]) -> str | None:
    import torch

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            case(Path(folder))
        except unittest.SkipTest as reason:
            return f"skipped: {reason}"
        except Exception:  # the test that asked shows it
            return traceback.format_exc()
        finally:
            os.chdir(before)
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
