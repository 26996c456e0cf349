"""Where a command finds texts and labels: the columns named, or those the model learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steadfit.cli.toml_file import read_toml
from steadfit.text.labelled import Labelled, labelled
from steadfit.text.table_rows import LABEL, TEXT

OPTIONS = "train.toml"  # beside a model that `steadfit train` made


@dataclass(frozen=True)
class Source:
    """A labelled table or folder; columns that are not named are those of the model's training."""

    path: Path
    text: tuple[str, ...] = ()
    label: str | None = None
    drop_unlabeled: bool = False
    encoding: str = "utf-8"
    format: str | None = None
    separator: str | None = None

    def of_model(self, folder: Path) -> Source:
        """Return it with columns."""
        text = self.text or text_columns_of(folder, self.path)
        label, separator = self.label, self.separator
        if label is None:
            label = LABEL if self.path.is_dir() else str(_trained(folder).get("label", LABEL))
        if separator is None:
            separator = _trained(folder).get("label_separator")
        return replace(self, text=text, label=label, separator=separator)

    def read(self, group: str | None = None, weight: str | None = None) -> Labelled:
        """Return its documents, with a column of groups and one of weights if they are named.

        Raises:
            DataError: as `steadfit.text.labelled.labelled`; labels are missing.
        """
        return labelled(
            self.path,
            self.text,
            self.label or LABEL,
            self.drop_unlabeled,
            group,
            weight,
            separator=self.separator,
            format=self.format,
            encoding=self.encoding,
        )


def text_columns_of(folder: Path, table: str | Path) -> tuple[str, ...]:
    """Return the columns a model read its texts from; of plain text and folders there is one."""
    path = Path(table)
    if path.is_dir() or path.suffix.lower() == ".txt":
        return (TEXT,)
    found = _trained(folder).get("text", TEXT)
    return (found,) if isinstance(found, str) else tuple(found)


def _trained(folder: Path) -> dict[str, Any]:
    file = folder / OPTIONS
    return read_toml(file) if file.is_file() else {}
