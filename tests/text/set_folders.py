"""What the folder of a data set holds."""

from __future__ import annotations

from pathlib import Path

from steadfit.text.readers import read_folder


def documents(folder: Path) -> dict[str, str]:
    corpus = read_folder(folder)
    return dict(zip(corpus.names, corpus.texts, strict=True))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
