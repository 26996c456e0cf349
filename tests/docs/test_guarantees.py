"""The page of guarantees names tests that exist, for each of its promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
SHOWN_BY = re.compile(r"^- `(?P<file>[\w/]+\.py)::(?P<test>\w+)`$", re.MULTILINE)


def test_every_test_that_is_named_exists():
    missing = []
    for file, test in SHOWN_BY.findall(PAGE):
        path = ROOT / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
        if test not in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}:
            missing.append(f"{file}::{test}")
    assert missing == []


def test_every_guarantee_is_numbered_and_shown_by_a_test():
    _, *promises = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert [promise.split(".")[0] for promise in promises] == [str(n) for n in range(1, 11)]
    assert all(SHOWN_BY.search(promise) for promise in promises)


def test_every_line_that_looks_like_a_test_is_read():
    assert len(SHOWN_BY.findall(PAGE)) == PAGE.count("::test_")
