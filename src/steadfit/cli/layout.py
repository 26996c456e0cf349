"""How the tables of a command are laid out: what its options say, for whatever reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

TABS = (r"\t", "tab")  # what can be typed for one


class Layout(NamedTuple):
    """The arguments of `steadfit.text.table_rows.rows`, all but the source."""

    encoding: str = "utf-8"
    format: str | None = None
    delimiter: str | None = None
    quotes: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Layout:
        """Return what options say by these names; a tab may be given as a word."""
        given = {name: options[name] for name in cls._fields if options.get(name) is not None}
        if given.get("delimiter") in TABS:
            given["delimiter"] = "\t"
        return cls(**given)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by name."""
        return self._asdict()


AS_NAMED = Layout()  # as the names of files say, in UTF-8, with commas and quotes
