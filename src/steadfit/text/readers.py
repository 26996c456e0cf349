"""Where texts come from: folders, lists, and tables by the kind of file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from steadfit.core.checks import a_path, existing, shown
from steadfit.core.errors import DataError
from steadfit.text.corpus import Corpus
from steadfit.text.file_texts import FileTexts
from steadfit.text.frames import read_frame, read_parquet
from steadfit.text.lines import read_lines
from steadfit.text.tables import read_csv, read_jsonl, read_tsv
from steadfit.text.values import label_value, text_value

__all__ = [
    "read_corpus",
    "read_csv",
    "read_folder",
    "read_frame",
    "read_jsonl",
    "read_lines",
    "read_parquet",
    "read_texts",
    "read_tsv",
]


def read_corpus(
    path: str | Path,
    text: str | int = "text",
    label: str | int | None = None,
    group: str | int | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool = True,
) -> Corpus:
    """Return the texts at `path`, read by its kind.

    A folder (its `.txt` files), `.csv`, `.tsv`, `.jsonl` or `.ndjson`, `.parquet`, or one `.txt`
    file with a document a line. `delimiter` and `quotes` are of tables, as in `read_csv`.

    Raises:
        DataError: when the path is not there or of another kind, or columns are named for a
            folder or a `.txt` file; and as the reader of that kind.
    """
    path = existing(a_path("path", path).expanduser())
    if path.is_dir():
        if label is not None or group is not None:
            raise DataError(
                f"{path} is a folder and has no columns; leave label and group out and take the "
                "labels from the folder names with label_from_folder"
            )
        return read_folder(path, encoding=encoding)
    kind = path.suffix.lower()
    if kind == ".txt":
        if label is not None or group is not None:
            raise DataError(
                f"{path} is plain text, a document a line, and has no columns; leave label and "
                "group out"
            )
        return read_lines(path, encoding=encoding)
    if kind == ".csv":
        return read_csv(path, text, label, group, delimiter, encoding, quotes=quotes)
    if kind == ".tsv":
        return read_tsv(path, text, label, group, encoding, quotes=quotes)
    if kind in (".jsonl", ".ndjson"):
        keys = [None if key is None else str(key) for key in (text, label, group)]
        return read_jsonl(path, keys[0] or "text", keys[1], keys[2], encoding=encoding)
    if kind == ".parquet":
        return read_parquet(path, text, label, group)
    raise DataError(
        f"{path}: a file ending in {kind or 'nothing'!r} is not known; accepted are a folder of "
        ".txt files, .txt, .csv, .tsv, .jsonl, .ndjson and .parquet (unpack archives first)"
    )


def read_folder(
    root: str | Path, extensions: Iterable[str] = (".txt",), encoding: str = "utf-8"
) -> Corpus:
    """Return the files under a folder, at any depth, as a corpus that reads each when asked.

    Documents are in the order of their posix paths, whatever the file system says. Extensions
    are compared without regard to case. Hidden files and folders (a leading dot) are skipped;
    links are followed.

    Raises:
        DataError: when the folder or such files are not there, or a folder cannot be listed.
    """
    root = existing(a_path("root", root).expanduser())
    extensions = (extensions,) if isinstance(extensions, str) else tuple(extensions)
    for ending in extensions:
        if not isinstance(ending, str):
            raise DataError(
                f"extensions holds {shown(ending)}; strings such as '.txt' are accepted"
            )
    endings = tuple("." + ending.lower().lstrip(".") for ending in extensions)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder")
    files = tuple(sorted(_walk(root, "", endings, frozenset())))
    if not files:
        raise DataError(f"{root}: no file ends in {' or '.join(endings)}, at any depth")
    return Corpus(FileTexts(root, files, encoding), names=files, root=root)


def read_texts(
    texts: Iterable[str],
    labels: Iterable[Any] | None = None,
    groups: Iterable[Any] | None = None,
) -> Corpus:
    """Return strings in memory as a corpus; labels and groups become strings.

    Raises:
        DataError: when a text is not a string, a label is missing, or the lengths differ.
    """
    if isinstance(texts, str):
        raise DataError("texts is one string; a sequence of strings is accepted: [text]")
    if isinstance(labels, str) or isinstance(groups, str):
        raise DataError("labels is one string; a sequence with one label a text is accepted")
    return Corpus(
        tuple(text_value(text, f"texts[{row}]") for row, text in enumerate(texts)),
        labels=_strings(labels, "label"),
        groups=_strings(groups, "group"),
    )


def _strings(values: Iterable[Any] | None, kind: str) -> tuple[str, ...] | None:
    if values is None:
        return None
    return tuple(label_value(value, f"{kind}s[{row}]", kind) for row, value in enumerate(values))


def _walk(
    folder: Path, prefix: str, endings: tuple[str, ...], above: frozenset[tuple[int, int]]
) -> Iterator[str]:
    """Yield the posix paths, relative to the root, of the files below; a link loop ends."""
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(), entry.is_file()) for entry in entries]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error
    for name, is_folder, is_file in found:
        if name.startswith("."):
            continue
        if is_folder:
            yield from _walk(folder / name, f"{prefix}{name}/", endings, above | {here})
        elif is_file and name.lower().endswith(endings):
            yield prefix + name
