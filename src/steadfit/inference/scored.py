"""A table scored row by row: its columns, and beside them labels and probabilities."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from steadfit.core.checks import a_path, shown, yes_or_no
from steadfit.core.console import note
from steadfit.core.errors import DataError, DiskError
from steadfit.core.lock import process_lock_or
from steadfit.core.progress import byte_progress, progress
from steadfit.inference.score_part import Part, already_there, fingerprint
from steadfit.inference.score_rows import (
    Asked,
    Block,
    Decide,
    Probabilities,
    all_columns,
    require_texts,
    scored_blocks,
)
from steadfit.inference.score_writers import (
    OUT_FORMATS,
    header,
    parquet_types,
    row_writer,
    write_parquet,
)
from steadfit.text.fields import text_columns
from steadfit.text.records import FileLines
from steadfit.text.stream_lines import PACKED, is_read_once
from steadfit.text.table_formats import CSV, FORMAT_OF, JSONL, PARQUET
from steadfit.text.table_rows import Rows, rows

STANDARD_OUTPUT = "-"


class Scored(NamedTuple):
    """Rows written, how many of them by an earlier run that was stopped, how many unlabelled."""

    rows: int
    from_before: int
    abstained: int


def score_file(
    probabilities: Probabilities,
    classes: Sequence[str],
    source: str | Path,
    out: str | Path,
    text: str | Sequence[str] = "text",
    *,
    decide: Decide | None = None,
    model: str = "",
    batch: int = 1024,
    abstain_below: float | None = None,
    prefix: str = "",
    overwrite: bool = False,
    overwrite_columns: bool = False,
    missing_as_empty: bool = False,
    format: str | None = None,
    out_format: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool = True,
    say: Callable[[str], None] = note,
) -> Scored:
    """Write each record of `source` to `out`, in order, with a label and probabilities.

    The columns of the source come first, as they are, then `label`, `probability` and `p_CLASS` for
    each class, with seven digits. Some thousand rows are held at a time. `out` is UTF-8 and appears
    when it is whole; until then the rows stand in `OUT.part`, and a run that was stopped goes on
    from there when it is started again, to the same bytes as one that was not, unless source, model
    or settings have changed. From standard input or a pipe, or to standard output, nothing is gone
    on with.

    Args:
        probabilities: of `batch` texts or fewer to `(texts, classes)`.
        classes: names of the classes.
        source: as in `steadfit.text.table_rows.rows`, "-" for standard input.
        out: a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or "-" for standard output.
        text: the column of the texts; of several, each row's are joined as fields.
        decide: of probabilities `(texts, classes)` to a label each, or None; `abstain_below` is
            then left to it. If it is not given, the likeliest class. `probability` is that of the
            label, and the largest where the label is no class.
        model: what tells this model, and how it decides, from another, such as a checksum.
        batch: rows scored together; fewer where texts are long.
        abstain_below: leave the label empty where the probability of the likeliest class is lower.
        prefix: stands before the names of the new columns.
        overwrite: replace a file that is there.
        overwrite_columns: replace columns of the source that have the name of a new one.
        missing_as_empty: score a row without a text as an empty one, instead of refusing it.
        format: of the source, as in `rows`.
        out_format: "csv", "tsv", "jsonl" or "parquet"; by the suffix of `out` if not given, for
            standard output CSV.
        encoding: of the source.
        delimiter: as in `rows`.
        quotes: as in `rows`.
        say: is told what happens to an earlier part, and how to go on after an error or Ctrl-C.

    Raises:
        DataError: an argument that is none; a file that is there, has come meanwhile (the rows are
            kept) or is being written by another process; an `OUT.part` that is none of ours;
            columns with one name; a row that cannot be read or has no text (the rows before it are
            kept); probabilities or labels that are none; a source that changed meanwhile.
        DiskError: when the disk refuses, for one that it is full; the rows so far are kept.
        MissingExtraError: Parquet without polars.
    """
    path = a_path("out", out)
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise DataError(f"classes are {shown(classes)}; a list of different names is accepted")
    if not isinstance(model, str):
        raise DataError(f"model is {shown(model)}; a string is accepted")
    asked = Asked(
        text_columns(text),
        tuple(classes),
        batch,
        abstain_below,
        prefix,
        overwrite_columns,
        missing_as_empty,
    )
    kind = _out_format(out, out_format)
    yes_or_no("overwrite", overwrite)
    yes_or_no("quotes", quotes)
    target = None if str(out) == STANDARD_OUTPUT else path.expanduser()
    if target is not None and target.is_dir():
        raise DataError(f"{target} is a folder, and a file is to be written there; name another")
    if target is not None and os.path.lexists(target) and not overwrite:
        raise already_there(target)
    table = rows(source, format, encoding, delimiter, quotes)
    require_texts(table, asked)
    job = _Job(table, asked, probabilities, kind, all_columns(table, asked), decide)
    if target is None:
        return _to_standard_output(job)
    reading = [table.format, encoding, delimiter, quotes]
    settings = {**asdict(asked), "format": kind, "reading": reading}
    run = {"model": model, "columns": job.columns, "settings": settings}
    with _alone(target), closing(table):
        return _to_file(job, target, None if is_read_once(source) else run, say, overwrite)


class _Sink(Protocol):
    rows: int
    abstained: int

    def write(self, data: bytes, rows: int, abstained: int) -> None: ...


class _Job:
    """All rows of a table on their way into a sink."""

    def __init__(
        self,
        table: Rows,
        asked: Asked,
        probabilities: Probabilities,
        kind: str,
        columns: list[str],
        decide: Decide | None,
    ) -> None:
        self.table, self.kind, self.columns = table, kind, columns
        self.types: dict[str, Any] = {}
        if kind == PARQUET:
            kept = {k: kind for k, kind in table.types.items() if k not in asked.columns}
            self.types = parquet_types(columns, kept, asked.columns[1:])
        allowed = None if kind == JSONL else columns
        blocks = partial(scored_blocks, table, asked, probabilities, allowed)
        self._blocks = partial(blocks, decide=decide)
        self._row = row_writer(kind, columns)

    def run(self, sink: _Sink) -> None:
        if not sink.rows:
            sink.write(header(self.kind, self.columns).encode(), 0, 0)
        for block in _watched(self.table, self._blocks(sink.rows)):
            sink.write(self._bytes(block), len(block.records), block.abstained)

    def _bytes(self, block: Block) -> bytes:
        try:
            return "".join(map(self._row, block.records)).encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{self.table.path}: among the {len(block.records):,} rows up to number "
                f"{self.table.number:,} one holds half of a surrogate pair, which no file can "
                "hold; repair it"
            ) from error


def _watched(table: Rows, blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks while a bar shows how far they have come, and the time left if that is known."""
    lines, title = table.lines, f"scoring {table.path.name}"
    if not isinstance(lines, FileLines) or lines.position is None:
        yield from progress(blocks, title)
        return
    read = 0
    with byte_progress(title, table.path.stat().st_size) as advance:
        for block in blocks:
            yield block
            advance(lines.position - read)
            read = lines.position


def _to_file(
    job: _Job, out: Path, run: dict[str, Any] | None, say: Callable[[str], None], overwrite: bool
) -> Scored:
    before = None if run is None else fingerprint(job.table)
    part = Part(out, None if run is None else {"source": before, **run}, say, overwrite)
    from_before = part.rows
    try:
        job.run(part)
        if before is not None and fingerprint(job.table) != before:
            raise DataError(
                f"{job.table.path} was changed meanwhile; score a copy that stays as it is"
            )
        convert = partial(write_parquet, types=job.types) if job.kind == PARQUET else None
        part.finish(convert)
    except BaseException:
        part.keep()
        if part.rows:
            again = f"{job.table.path} cannot be read again"
            how = again if run is None else "run the same to go on"
            say(f"stopped; {part.rows:,} scored rows are kept in {part.path}: {how}")
        raise
    return Scored(part.rows, from_before, part.abstained)


class _Standard:
    """Standard output."""

    def __init__(self) -> None:
        self.rows = self.abstained = 0

    def write(self, data: bytes, rows: int, abstained: int) -> None:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:  # what a notebook or a test has put there may take text alone
            sys.stdout.write(data.decode())
            sys.stdout.flush()
        self.rows += rows
        self.abstained += abstained


def _to_standard_output(job: _Job) -> Scored:
    if sys.stdout is None:  # a program without a console
        raise DataError("There is no standard output here; name a file")
    sink = _Standard()
    try:
        job.run(sink)
    except BrokenPipeError:
        # Who reads has enough. What Python still holds would fail again when it ends.
        with suppress(OSError, AttributeError):  # what stands in its place may have no number
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise DiskError(f"standard output cannot be written: {error}", error.errno) from error
    return Scored(sink.rows, 0, sink.abstained)


def _out_format(out: str | Path, out_format: str | None) -> str:
    standard = str(out) == STANDARD_OUTPUT
    kind = out_format or (CSV if standard else FORMAT_OF.get(Path(out).suffix.lower()))
    if kind not in OUT_FORMATS:
        raise DataError(
            f"{out}: a file ending so cannot be written; accepted are .csv, .tsv, .jsonl and "
            f".parquet, or out_format, one of {', '.join(OUT_FORMATS)}"
        )
    if not standard and Path(out).suffix.lower() in PACKED:
        raise DataError(
            f"{out}: what is written is not compressed; name {Path(out).stem}, and compress that"
        )
    if standard and kind == PARQUET:
        raise DataError("Parquet cannot be written to standard output; name a file")
    return kind


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes from writing the same part."""
    lock = out.with_name(f".{out.name}.lock")
    busy = DataError(f"{out} is being written by another process; name another file, or wait")
    with process_lock_or(busy, lock):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows deletes no file that is open
                lock.unlink(missing_ok=True)  # nobody waits for it: others were told at once
