"""The command that makes model folders of fastai's weights."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from steadfit.cli.main import app, main
from steadfit.files.model_folder import load_model
from tests.files.fastai_files import V1_ITOS, encoder_state, language_model_state


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write a language model in fastai 1's layout."""
    weights, vocab = tmp_path / "lm.pth", tmp_path / "itos.pkl"
    torch.save(language_model_state(16), weights)
    vocab.write_bytes(pickle.dumps(V1_ITOS))
    return [str(weights), str(vocab)]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_model_folder_is_written_and_described(
    files: list[str], tmp_path: Path, backwards: bool
) -> None:
    out = tmp_path / "out"
    flags = ["--backwards"] * backwards
    result = CliRunner().invoke(app, ["import-fastai", *files, "--out", str(out), *flags])
    assert result.exit_code == 0, result.output
    direction = "backwards" if backwards else "forwards"
    assert f"language-model, reads {direction}, 13 tokens" in result.output
    assert load_model(out, "language-model").backwards is backwards


def test_another_model_folder_is_replaced_when_told_to(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["import-fastai", *files, "--out", str(out)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, arguments).exit_code == 1
    torch.save(encoder_state(16), files[0])
    assert CliRunner().invoke(app, [*arguments, "--overwrite"]).exit_code == 0
    assert load_model(out).kind == "encoder"


def test_bad_input_is_one_line_and_status_one(
    files: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("STEADFIT_DEBUG", raising=False)
    out = tmp_path / "out"
    swapped = ["steadfit", "import-fastai", files[1], files[0], "--out", str(out)]
    monkeypatch.setattr(sys, "argv", swapped)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert not out.exists()


def test_a_folder_to_write_has_to_be_named(files: list[str]) -> None:
    assert CliRunner().invoke(app, ["import-fastai", *files]).exit_code == 2
