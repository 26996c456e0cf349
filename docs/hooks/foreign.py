"""The built site loads nothing from other hosts: whoever reads it is seen by nobody else."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}
LINKS = {"link", "use", "image", "base"}  # of which `href` is loaded, not followed
# What the theme's script fetches for: a diagram's library, and the figures of a repository.
FETCHING = {"class": "mermaid", "data-md-component": "source"}


def foreign(html: str) -> list[str]:
    """Return what a page loads from elsewhere; links that a reader may follow are none of it."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.found


def foreign_in_style(css: str) -> list[str]:
    """Return what a style sheet loads from elsewhere."""
    return IN_STYLE.findall(css)


def on_post_build(config: Any) -> None:
    """Warn of every page and style sheet that loads something, which a strict build refuses."""
    log = logging.getLogger("mkdocs.hooks.foreign")
    site = Path(config.site_dir)
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css", ".svg"):
            text = path.read_text(encoding="utf-8")
            check = foreign_in_style if path.suffix == ".css" else foreign
            for address in check(text):
                log.warning("%s loads %s", path.relative_to(site), address)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = name in LOADING or (tag in LINKS and name.endswith("href"))
            parts = (value or "").split(",") if name == "srcset" else [value or ""]
            self.found += [part for part in parts if loads and ADDRESS.match(part)]
            if name == "style":
                self.found += foreign_in_style(value or "")
            if FETCHING.get(name) in (value or "").split():
                self.found.append(f"what its script needs for {name}={value!r}")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":  # what stands behind it, too, which does no harm
            self.found += foreign_in_style(data)
