"""General English prose for a language model: documents of a file, a paragraph a line."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus


def documents(path: Path, words: int | None = None) -> Iterator[str]:
    """Yield documents, which empty lines part, of a file in UTF-8, plain or `.xz`.

    Args:
        path: a paragraph a line.
        words: stop behind the document with which so many words were read.

    Raises:
        DataError: the file cannot be read.
    """
    read = 0
    lines: list[str] = []
    try:
        with (
            lzma.open(path, "rt", encoding="utf-8")
            if path.suffix == ".xz"
            else path.open(encoding="utf-8") as file
        ):
            for line in file:
                if line.strip():
                    lines.append(line.rstrip("\n"))
                    read += line.count(" ") + 1
                elif lines:
                    yield "\n".join(lines)
                    lines = []
                    if words is not None and read >= words:
                        return
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise DataError(
            f"{path} cannot be read as text ({error}); give UTF-8, plain or .xz, a paragraph a "
            "line, empty lines between documents"
        ) from error
    if lines:
        yield "\n".join(lines)


def corpus(train: Path, valid: Path, words: int | None = None) -> Corpus:
    """Return training and validation documents."""
    texts = list(documents(train, words))
    held_out = list(documents(valid, None if words is None else words // 20))
    return Corpus([*texts, *held_out]).split_by_rows(range(len(texts), len(texts) + len(held_out)))
