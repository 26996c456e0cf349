"""What this project's docstrings write more briefly than Google's style, in that style's words."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

# `first, second: each alone` in a section that lists arguments or attributes.
SHARED = re.compile(
    r"^(?P<indent>[ ]+)(?P<names>\w+(?:,[ ]\w+)+):[ ](?P<rest>\S.*(?:\n(?P=indent)[ ]+\S.*)*)$",
    re.MULTILINE,
)


class Docstrings(Extension):
    """Rewrites docstrings before they are taken apart."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Change the docstring of a module, class, function or attribute that was read."""
        if obj.docstring is not None:
            obj.docstring.value = in_google_style(obj.docstring.value)


def in_google_style(docstring: str) -> str:
    """Return a docstring whose example is shown as code, and whose names have a line each."""

    def apart(entry: re.Match[str]) -> str:
        names = entry["names"].split(", ")
        return "\n".join(f"{entry['indent']}{name}: {entry['rest']}" for name in names)

    return SHARED.sub(apart, docstring.replace("\nExample:\n", "\nExamples:\n"))
