"""The code of `docs/integrations.md` that needs another library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"


def run_block(library: str, **names: Any) -> dict[str, Any]:
    """Run the block whose fence says ```python no-run LIBRARY, and return its names.

    Args:
        library: whose block.
        names: what the page calls the reader's own things.
    """
    page = PAGE.read_text(encoding="utf-8")
    fence = re.compile(rf"^```python no-run {library}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    [block] = fence.finditer(page)
    code = "\n" * page.count("\n", 0, block.start(1)) + block[1]
    known: dict[str, Any] = {"__name__": "__main__", **names}
    exec(compile(code, str(PAGE), "exec"), known)
    return known
