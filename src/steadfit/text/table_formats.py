"""Which kind of table a source is: by its name, or as somebody says."""

from __future__ import annotations

from pathlib import Path

from steadfit.core.checks import a_path, existing
from steadfit.core.errors import DataError
from steadfit.text.stream_lines import PACKED, STANDARD_INPUT, is_read_once

CSV, TSV, JSONL, PARQUET, LINES, FOLDER = "csv", "tsv", "jsonl", "parquet", "txt", "folder"
FORMATS = (CSV, TSV, JSONL, PARQUET, LINES, FOLDER)
FORMAT_OF = {
    ".csv": CSV,
    ".tsv": TSV,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".parquet": PARQUET,
    ".txt": LINES,
}


def path_of(source: str | Path) -> Path:
    """Return the path of a source that is there, or what standard input is called.

    Raises:
        DataError: it is not there.
    """
    if str(source) == STANDARD_INPUT:
        return Path("standard input")
    return existing(a_path("source", source).expanduser())


def format_of(source: str | Path, format: str | None = None) -> str:
    """Return one of `FORMATS`: what is said, else what the name says; of "-" it is CSV.

    Raises:
        DataError: a source that is not there, of an unknown kind, or that cannot be of this format.
    """
    path = path_of(source)
    if format is not None and format not in FORMATS:
        raise DataError(f"format={format!r}: accepted are {', '.join(FORMATS)}")
    if str(source) == STANDARD_INPUT:
        kind = format or CSV
        if kind in (PARQUET, FOLDER):
            raise DataError(f"standard input cannot be read as {kind}; save it as a file first")
        return kind
    if path.is_dir() or format == FOLDER:
        if format not in (None, FOLDER) or not path.is_dir():
            raise DataError(f"{path} is {'a' if path.is_dir() else 'no'} folder; format={format!r}")
        return FOLDER
    ending, packed = suffixes(path)
    kind = format or FORMAT_OF.get(ending, "")
    if not kind:
        raise DataError(
            f"{path}: a file ending in {(ending + packed) or 'nothing'!r} is not known; accepted "
            f"are {', '.join(FORMAT_OF)}, compressed as .gz or .xz too, and folders of .txt files; "
            f"or name its format: {', '.join(FORMATS[:-1])}"
        )
    if kind == PARQUET and is_read_once(path):
        raise DataError(f"{path} is a pipe or a device, and Parquet a file; save it as one first")
    if kind == PARQUET and packed:
        raise DataError(f"{path}: unpack it first; Parquet is compressed inside")
    return kind


def suffixes(path: str | Path) -> tuple[str, str]:
    """Return what a name ends in, in lower case, and the compression behind it, or ""."""
    path = Path(path)
    packed = path.suffix.lower()
    if packed not in PACKED:
        return packed, ""
    return Path(path.stem).suffix.lower(), packed
