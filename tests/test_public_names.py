"""The package's own names: all there, nothing else, and quick to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import steadfit


def run(code: str) -> str:
    """Return what a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_star_import_brings_exactly_the_public_names() -> None:
    code = (
        "before = set(globals()) | {'before'}\n"
        "from steadfit import *\n"
        "print(*sorted(set(globals()) - before))"
    )
    assert run(code).split() == sorted(steadfit.__all__)


@pytest.mark.parametrize("name", steadfit.__all__)
def test_each_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(steadfit, name) is not None
    assert name in dir(steadfit)
    assert not name.startswith("_")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import steadfit, sys\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'matplotlib', 'rich', 'typer', 'polars'}\n"
        "print(*sorted(heavy & set(sys.modules)), *steadfit.__version__.split())"
    )
    assert run(code) == steadfit.__version__


@pytest.mark.parametrize("name", ["Corpus", "read_texts", "SteadfitError", "Vocab", "URLs"])
def test_names_about_texts_do_not_wait_for_torch(name: str) -> None:
    assert run(f"import sys; from steadfit import {name}; print('torch' in sys.modules)") == "False"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'DataFrame'"):
        _ = steadfit.DataFrame
    with pytest.raises(ImportError):
        from steadfit import learner_that_never_was  # noqa: F401


def test_the_notebooks_names_are_public() -> None:
    names = """URLs untar_data TextList load_data language_model_learner text_classifier_learner
        AWD_LSTM RNNTrainer RNNTrainerNorm flatten_model load_learner accuracy"""
    assert set(names.split()) <= set(steadfit.__all__)
