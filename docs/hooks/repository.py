"""Links out of docs/ work in the site too: what they lead to is carried over.

Pages are written to be read in the repository, where a link is a path from file to file. In the
site docs/ is the root, and what lies beside it (README.md, results/, examples/) keeps its path:
`docs/norms.md` is `norms.md`, `results/demo.json` is `results/demo.json`. A folder is its
README.md, or that of the folder around it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?P<path>[^)\s#]+)(?P<rest>[^)\n]*\))")


def rewritten(markdown: str, page: str) -> str:
    """Return a page with its links as they are in the site.

    Args:
        page: the path of the page in the repository, such as `docs/norms.md`.
    """
    here = posixpath.dirname(in_site(page))

    def replace(link: re.Match[str]) -> str:
        if (target := target_of(link["path"], page)) is None:
            return link[0]
        return f"]({posixpath.relpath(in_site(target), here or '.')}{link['rest']}"

    return LINK.sub(replace, markdown)


def targets(markdown: str, page: str) -> Iterator[str]:
    """Yield the paths in the repository of the files that a page leads to."""
    for link in LINK.finditer(markdown):
        if target := target_of(link["path"], page):
            yield target


def target_of(link: str, page: str) -> str | None:
    """Return the path in the repository of the file that a link leads to; None if there is none."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(link)))
    if ":" in link or link.startswith("/") or target.startswith(".."):
        return None
    if (ROOT / target).is_dir():
        folder = Path(target)
        while not (ROOT / folder / "README.md").is_file():
            folder = folder.parent
        return (folder / "README.md").as_posix()
    return target if (ROOT / target).is_file() else None


def in_site(path: str) -> str:
    """Return where a file of the repository lies in the site."""
    return path.removeprefix("docs/")


def in_repository(path: str) -> str:
    """Return where a file of the site lies in the repository."""
    return f"docs/{path}" if (ROOT / "docs" / path).exists() else path


def on_files(files: Any, config: Any) -> Any:
    """Add what the navigation names and what pages lead to, from one page to the next."""
    from mkdocs.structure.files import File, InclusionLevel

    named = set(_leaves(config.nav))
    missing = [path for path in named if files.get_file_from_path(path) is None]
    waiting = [in_repository(path) for path in missing]
    for page in files.documentation_pages():
        if page.generated_by is None:
            waiting += targets(page.content_string, in_repository(page.src_uri))
    while waiting:
        path = waiting.pop()
        if files.get_file_from_path(in_site(path)) or not (ROOT / path).is_file():
            continue
        shown = InclusionLevel.UNDEFINED if path in named else InclusionLevel.NOT_IN_NAV
        source = str(ROOT / path)
        file = File.generated(config, in_site(path), abs_src_path=source, inclusion=shown)
        files.append(file)
        if file.is_documentation_page():
            waiting += targets(file.content_string, path)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let links lead to where their files lie in the site."""
    return rewritten(markdown, in_repository(page.file.src_uri))


def _leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif nav:
        for item in nav.values() if isinstance(nav, dict) else nav:
            yield from _leaves(item)
