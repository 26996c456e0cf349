"""The example notebook runs from its first cell to its last."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
SIZES = "config = dict(emb_sz=100, n_hid=200)"
SMALLER = "config = dict(emb_sz=8, n_hid=12)"


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_every_cell_runs_on_a_part_of_tiny_reviews(notebook, tiny_reviews, tmp_path, monkeypatch):
    parameters = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert SIZES in parameters.source
    parameters.source = parameters.source.replace(SIZES, SMALLER)
    monkeypatch.setenv("STEADFIT_EXAMPLE_REVIEWS", "160")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    resources = {"metadata": {"path": str(tmp_path)}}
    # A cell that fails raises CellExecutionError, which shows the cell.
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    text = printed(notebook)

    # 60 of 200 stand in test and 20 in unsup, so 48 and 16 of 160 do; a tenth of all is held out.
    seen, of, others = re.search(
        r"trains on the texts of (\d+) of the (\d+) test reviews,\nand on (\d+) other reviews", text
    ).groups()
    assert (int(of), 0 < int(seen) <= 48, 0 < int(others) <= 16) == (48, True, True)
    assert ".filter_by_folder(include=['train'])" in text

    assert "norm stabilizer: 16.0\nthe original's:  0.0" in text
    folder = tiny_reviews.with_name("movie_reviews_160")
    assert len(list(folder.rglob("*.txt"))) == 160
    assert {"data_lm", "data_clas", "models", "reviews"} <= {
        entry.name for entry in folder.iterdir()
    }
    figures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(figures) == 2
