"""The pages, and what stands in their blocks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "results" / "README.md",
]
_FENCE = re.compile(
    r"^```(?P<word>\w+)[ ]*(?P<rest>[^\n]*)\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:steadfit|make|pip|python|pre-commit)\b")
_INLINE = re.compile(r"`((?:steadfit|make|python\s-m)\s[^`]+)`")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def fences(page: str, *words: str, marked: bool = False) -> list[re.Match[str]]:
    """Return the fenced blocks of some languages, those marked no-run or those that are not."""
    return [
        one
        for one in _FENCE.finditer(page)
        if one["word"] in words and one["rest"].startswith("no-run") == marked
    ]


def code_of(page: str) -> list[str]:
    """Return a page's Python, each block behind as many empty lines as stand before it there."""
    return [
        "\n" * page.count("\n", 0, one.start("code")) + one["code"]
        for one in fences(page, "python")
    ]


def commands(page: str) -> list[str]:
    """Return the commands of a page, in order: lines of shell blocks and indented lines."""
    lines = []
    shell = {
        number
        for one in fences(page, "sh", "bash")
        for number in range(
            page.count("\n", 0, one.start("code")), page.count("\n", 0, one.end("code"))
        )
    }
    fenced = [
        range(page.count("\n", 0, one.start()), page.count("\n", 0, one.end()))
        for one in _FENCE.finditer(page)
    ]
    for number, line in enumerate(page.splitlines()):
        indented = line.startswith("    ") and not any(number in block for block in fenced)
        if (number in shell or indented) and _COMMAND.match(line.strip()):
            lines.append(line.strip())
    return lines


def named(page: str) -> list[str]:
    """Return the commands that are named in a sentence, with the spaces of one line."""
    text = _FENCE.sub("", page)
    return [re.sub(r"\s+", " ", one) for one in _INLINE.findall(text)]
