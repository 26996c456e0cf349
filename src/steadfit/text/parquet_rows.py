"""The rows of a Parquet file, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steadfit.core.errors import DataError, MissingExtraError

_FIRST = 256  # rows of the first piece, whose size says how many the next ones may have
_MOST = 1 << 16
_BYTES = 1 << 23  # about so many of decoded values are held


class ParquetRows:
    """Yields `(columns,)` tuples of a file's rows, of which a few megabytes are held at a time.

    Attributes:
        types: of each column, as polars has them.

    Raises:
        MissingExtraError: when polars is not installed.
        DataError: when the file is not Parquet.
    """

    def __init__(self, path: Path) -> None:
        self._polars = polars_or_error("reading")
        self._path = path
        try:
            self._table = self._polars.scan_parquet(path, glob=False)
            self.types = dict(self._table.collect_schema())
        except faults_of(self._polars) as error:
            raise self._unreadable(error) from error

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        at, rows = 0, _FIRST
        while True:
            try:
                piece = self._table.slice(at, rows).collect()
            except faults_of(self._polars) as error:
                raise self._unreadable(error) from error
            if not piece.height:
                return
            yield from piece.iter_rows()
            at += piece.height
            a_row = max(1.0, piece.estimated_size() / piece.height)
            rows = int(min(_MOST, 4 * rows, max(1, _BYTES / a_row)))

    def _unreadable(self, error: BaseException) -> DataError:
        return DataError(f"{self._path}: cannot be read as Parquet: {error}")


def polars_or_error(doing: str) -> Any:
    """Return polars.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise MissingExtraError(
            f"{doing} Parquet needs polars; install it with: pip install 'steadfit[frames]'"
        ) from error
    return polars


def faults_of(polars: Any) -> tuple[type[BaseException], ...]:
    """Return what polars raises where a file cannot be read.

    Some damage makes it panic, and that is no Exception.
    """
    return polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError
