"""Where a command finds texts and labels: the columns named, or those the model learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steadfit.cli.layout import AS_NAMED, Layout
from steadfit.cli.toml_file import read_toml
from steadfit.core.errors import DataError
from steadfit.text.labelled import Labelled, labelled
from steadfit.text.table_formats import FOLDER, LINES, format_of
from steadfit.text.table_rows import LABEL, TEXT

OPTIONS = "train.toml"  # beside a model that `steadfit train` made
SEPARATOR = "|"  # between the labels of a text, if neither words nor the model's training name one


@dataclass(frozen=True)
class Source:
    """A labelled table or folder; columns that are not named are those of the model's training."""

    path: Path
    text: tuple[str, ...] = ()
    label: str | None = None
    drop_unlabeled: bool = False
    layout: Layout = AS_NAMED
    separator: str | None = None

    def of_model(self, folder: Path, many: bool) -> Source:
        """Return it with columns, and with a separator of labels if a text may have many.

        Raises:
            DataError: as `text_columns_of` and `separator_of`.
        """
        text = self.text or text_columns_of(folder, self.path, self.layout.format)
        label, separator = self.label, separator_of(folder, many, self.separator)
        if label is None:
            label = LABEL if self.path.is_dir() else str(_trained(folder).get("label", LABEL))
        return replace(self, text=text, label=label, separator=separator)

    def of_other(self, folder: Path) -> Source:
        """Return it with the columns another model learned from, where its folder tells them."""
        if not (folder / OPTIONS).is_file():
            return self
        return replace(self, text=text_columns_of(folder, self.path, self.layout.format))

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
            self.separator,
            **self.layout.arguments(),
        )


def text_columns_of(folder: Path, table: str | Path, format: str | None = None) -> tuple[str, ...]:
    """Return the columns a model read its texts from; of plain text and folders there is one.

    Raises:
        DataError: a table that is not there or of no format; as `format_of`.
    """
    if format_of(table, format) in (LINES, FOLDER):
        return (TEXT,)
    found = _trained(folder).get("text", TEXT)
    return (found,) if isinstance(found, str) else tuple(found)


def separator_of(folder: Path, many: bool, given: str | None) -> str | None:
    """Return what stands between the labels of a text: what is given, else as in training.

    Args:
        folder: the model's.
        many: whether it gives a text any number of labels; else there is no separator.
        given: by the user.

    Raises:
        DataError: one is given for a model that has no use for it.
    """
    if not many:
        if given is not None:
            raise DataError(
                f"{folder} gives each text one label, so there is nothing for --label-separator "
                "to separate; leave it out"
            )
        return None
    return str(_trained(folder).get("label_separator", SEPARATOR)) if given is None else given


def _trained(folder: Path) -> dict[str, Any]:
    file = folder / OPTIONS
    return read_toml(file) if file.is_file() else {}
