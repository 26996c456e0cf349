"""The page of experiments shows the tables that the experiments wrote, and all of them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
RESULTS = ROOT / "results" / "experiments"


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|") and "---" not in line]


def test_every_row_of_every_result_stands_on_the_page() -> None:
    tables = sorted(RESULTS.glob("*.md"))
    assert tables
    shown = set(rows(PAGE))
    missing = [
        f"{table.name}: {row}"
        for table in tables
        for row in rows(table.read_text(encoding="utf-8"))
        if row not in shown
    ]
    assert missing == []


def test_every_figure_of_every_result_stands_on_the_page() -> None:
    missing = [p.name for p in RESULTS.glob("*.png") if f"results/experiments/{p.name}" not in PAGE]
    assert missing == []
