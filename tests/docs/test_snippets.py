"""The Python code in README.md and docs/ runs.

A page's blocks run in their order, with the names of those before. A block that cannot run here
(it needs a reader's files, or minutes) is marked: its fence says ```python no-run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python[ ]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str) -> list[str]:
    """Return a page's blocks, each behind as many empty lines as stand before it in the page."""
    return ["\n" * page.count("\n", 0, m.start(1)) + m[1] for m in FENCE.finditer(page)]


WITH_CODE = [page for page in PAGES if blocks(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    with torch.random.fork_rng():
        for block in blocks(page.read_text(encoding="utf-8")):
            exec(compile(block, str(page), "exec"), names)


def test_pages_with_code_are_found():
    assert {"migrating.md", "penalties.md"} <= {page.name for page in WITH_CODE}


def test_blocks_keep_their_line_and_marked_ones_are_left_out():
    page = (
        "a\n```python\nx = 1\n```\n```python no-run\ny\n```\n```sh\nz\n```\n```python\ny = 2\n```\n"
    )
    assert blocks(page) == ["\n\nx = 1\n", "\n" * 11 + "y = 2\n"]
