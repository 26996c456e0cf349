"""The Python code in README.md and docs/ runs.

A page's blocks run in their order, with the names of those before. A block that cannot run here
says why: its fence is ```python no-run REASON.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import steadfit
from steadfit.files.pretrained import installed_models
from tests.docs.pages import PAGES, code_of, fences, read
from tests.files.fastai_files import V1_ITOS, language_model_state

WITH_CODE = [page for page in PAGES if code_of(read(page))]
# Libraries that are not Steadfit's; `make integrations` runs the blocks of those in LIBRARIES.
LIBRARIES = {"fastai", "lightning", "skorch", "transformers"}
REASONS = {*LIBRARIES, "cleanlab", "network"}
SMALL = {"emb_sz": 6, "n_hid": 8}
NOTES = [f"The tenant {'paid' if n % 2 else 'owes'} the rent of month {n % 12}." for n in range(40)]
LABELS = ["paid" if n % 2 else "owes" for n in range(40)]


def smaller(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Make what the page trains so small that a test has time for it."""
    sizes = {
        "TextClassifier": {"pretrained": None, "epochs": 1, "lm_epochs": 1, "sizes": SMALL},
        "language_model_learner": {"config": SMALL},
        "text_classifier_learner": {"config": SMALL},
    }
    for name, given in sizes.items():
        monkeypatch.setattr(steadfit, name, partial(getattr(steadfit, name), **given))
    return {"texts": NOTES, "labels": LABELS, "more_texts": NOTES[:20], "new_texts": NOTES[:2]}


def pretrained(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what the page calls the reader's data."""
    if "base-en" not in installed_models():
        pytest.skip("base-en is not installed; make install does it")
    texts = steadfit.TextList.from_texts(NOTES).split_by_idx(range(30, 40))
    data_lm = texts.label_for_lm().databunch(bs=4, bptt=10)
    texts = steadfit.TextList.from_texts(NOTES, vocab=data_lm.vocab).split_by_idx(range(30, 40))
    names = ("AWD_LSTM", "language_model_learner", "text_classifier_learner")
    return {
        "data_lm": data_lm,
        "data_clas": texts.label_from_list(LABELS).databunch(bs=4),
        **{name: getattr(steadfit, name) for name in names},
    }


AT_HAND: dict[str, Callable[[pytest.MonkeyPatch], dict[str, Any]]] = {
    "README.md": smaller,
    "quick-start.md": smaller,
    "pretrained.md": pretrained,
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder but for a model that fastai wrote."""
    monkeypatch.chdir(tmp_path)
    torch.save(language_model_state(16), "lstm_fwd.pth")
    Path("itos_wt103.pkl").write_bytes(pickle.dumps(V1_ITOS))
    return tmp_path


@pytest.mark.usefixtures("here", "tiny_reviews")
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_on_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    names |= AT_HAND.get(page.name, lambda _: {})(monkeypatch)
    with torch.random.fork_rng():
        for block in code_of(read(page)):
            exec(compile(block, str(page), "exec"), names)


def test_code_that_is_not_run_says_why() -> None:
    marked = {
        f"{page.name}: {one['rest']}"
        for page in PAGES
        for one in fences(read(page), "python", "sh", "bash", marked=True)
        if one["rest"].removeprefix("no-run ") not in REASONS
        or (one["rest"].removeprefix("no-run ") in LIBRARIES) != (page.name == "integrations.md")
    }
    assert marked == set()


def test_pages_with_code_are_found() -> None:
    assert {"README.md", "migrating.md", "penalties.md"} <= {page.name for page in WITH_CODE}


def test_blocks_keep_their_line_and_marked_ones_are_left_out() -> None:
    page = (
        "a\n```python\nx = 1\n```\n```python no-run network\ny\n```\n```sh\nz\n```\n"
        "```python\ny = 2\n```\n"
    )
    assert code_of(page) == ["\n\nx = 1\n", "\n" * 11 + "y = 2\n"]
