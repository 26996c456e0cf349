"""A path that lists what it holds, as the notebook expects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

# Path itself can be subclassed only from Python 3.12 on; the class of its instances always.
if TYPE_CHECKING:
    _Base = Path
else:
    _Base = type(Path())


class DataPath(_Base):
    """A `pathlib.Path` with `ls()`; what `/` and `parent` give is a DataPath as well."""

    def ls(self) -> Listing:
        """Return the entries of the folder, sorted by name."""
        return Listing(sorted(self.iterdir(), key=lambda path: path.name))


class Listing(list[DataPath]):
    """A list of paths that shows how many they are, and the names of the first."""

    shown = 10

    def __repr__(self) -> str:
        names = [path.name + "/" * path.is_dir() for path in self[: self.shown]]
        more = ["..."] * (len(self) > self.shown)
        return f"({len(self):,}) [{', '.join(names + more)}]"
