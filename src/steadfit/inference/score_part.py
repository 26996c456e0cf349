"""A file of scored rows that grows beside its final name, and can be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadfit.core.atomic import disk_error, write_json
from steadfit.core.errors import DataError, DiskError, FileFormatError
from steadfit.core.json_files import is_sealed, read_json, sealed
from steadfit.text.table_rows import FolderTable, Rows

FORMAT, VERSION = "steadfit-scored-part", 1
SAVED_EVERY = 5.0  # seconds; a process that is killed loses no more
_HEAD = 1 << 16


class Part:
    """The rows written so far, in `NAME.part`, and beside it how far they go, in `NAME.part.json`.

    What stands in the part behind the last state is not trusted: it is cut off. The state is there
    before the first row, so that a part without one is known to be another's.

    Args:
        out: the final name.
        run: what has to be the same for a part to be gone on with, as JSON values; None if it
            cannot be gone on with.
        say: is told why a part that is there is gone on with, or not.
        overwrite: whether a file that has the final name is replaced.

    Attributes:
        rows: whole rows in the part.
        abstained: how many of them have no label.

    Raises:
        DiskError: when the disk refuses; the part is kept.
        DataError: a file that is no part of ours has the name of one; it is left alone.
    """

    def __init__(
        self,
        out: Path,
        run: Mapping[str, Any] | None,
        say: Callable[[str], None],
        overwrite: bool = True,
    ) -> None:
        self.path = out.with_name(out.name + ".part")
        self.rows = self.abstained = self._bytes = 0
        self._state = out.with_name(out.name + ".part.json")
        self._out, self._overwrite = out, overwrite
        # There and back, because JSON has no tuples and what was read is compared with it.
        self._run = None if run is None else json.loads(json.dumps(run))
        self._take_up(say)
        try:
            # Not buffered: what a full disk refused would be written again at every later call.
            mode = "r+b" if self.rows else "wb"
            self._file = open(self.path, mode, buffering=0)  # noqa: SIM115
            self._cut()
        except OSError as error:
            raise self._refused(error) from error
        if not self.rows:
            try:
                self._save()
            except BaseException:
                self.keep()
                raise
        self._saved = time.monotonic()

    def write(self, data: bytes, rows: int, abstained: int) -> None:
        """Append whole rows."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):
                self._cut()  # half a block, whose place the state may need
            raise self._refused(error) from error
        self.rows += rows
        self.abstained += abstained
        self._bytes += len(data)
        if time.monotonic() - self._saved >= SAVED_EVERY:
            self._save()

    def keep(self) -> None:
        """Leave the part for the next run; nothing is left of one without rows."""
        if self.rows and not self._file.closed:
            with suppress(DiskError):  # an older state, and the rows up to there, still hold
                self._save()
        with suppress(OSError):  # what could not be written stands behind the state
            self._file.close()
        if not self.rows:
            self._remove()

    def finish(self, convert: Callable[[Path, Path], None] | None) -> None:
        """Give the file its final name; `convert`, if there is one, first makes it of the part.

        Raises:
            DiskError: when the disk refuses; the part is kept.
            DataError: the name was taken meanwhile, and is not to be; the part is kept.
        """
        whole = self.path if convert is None else self._out.with_name(self._out.name + ".part.out")
        try:
            self._save()
            self._file.close()
            if convert is not None:
                convert(self.path, whole)
            self._take_name(whole)
        except (OSError, DataError) as error:
            if convert is not None:
                whole.unlink(missing_ok=True)
            if isinstance(error, (DiskError, DataError)):
                raise
            raise self._refused(error) from error
        self._remove()

    def _take_name(self, whole: Path) -> None:
        if not self._overwrite:
            try:
                os.link(whole, self._out)  # which, unlike a renaming, replaces nothing
            except FileExistsError as error:
                raise already_there(self._out) from error
            except (OSError, AttributeError) as error:  # not every disk or system has links
                if os.path.lexists(self._out):
                    raise already_there(self._out) from error
            else:
                whole.unlink()
                return
        os.replace(whole, self._out)

    def _take_up(self, say: Callable[[str], None]) -> None:
        if not self.path.exists():
            return
        if not self._state.exists():
            if self.path.is_file() and not self.path.stat().st_size:
                return  # ours, of a process that ended before its first state, or nobody's
            raise DataError(
                f"{self.path} is there and was not begun here: {self._state.name} is missing "
                "beside it. Move it away, or name another file"
            )
        if self._run is None:
            return
        try:
            state = read_json(self._state, "")
            whole = is_sealed(state) and state["format"] == FORMAT and state["version"] == VERSION
        except (FileFormatError, KeyError):
            whole = False
        if not whole or self.path.stat().st_size < state["bytes"]:
            say(f"{self.path} is damaged; all rows are scored again")
            return
        if not state["rows"]:
            return
        before = state["run"] or {}  # of what can be read once alone there is none
        if changed := [name for name, value in self._run.items() if before.get(name) != value]:
            say(
                f"{self.path} was begun with another {', '.join(changed)}; all rows are scored "
                "again"
            )
            return
        self.rows, self._bytes = state["rows"], state["bytes"]
        self.abstained = state["abstained"]
        say(f"going on after the {self.rows:,} rows in {self.path}")

    def _save(self) -> None:
        try:
            os.fsync(self._file.fileno())  # before the state, which must not promise more
        except OSError as error:
            raise self._refused(error) from error
        state = {
            "format": FORMAT,
            "version": VERSION,
            "rows": self.rows,
            "bytes": self._bytes,
            "abstained": self.abstained,
            "run": self._run,
        }
        write_json(self._state, sealed(state))
        self._saved = time.monotonic()

    def _cut(self) -> None:
        self._file.truncate(self._bytes)
        self._file.seek(self._bytes)

    def _remove(self) -> None:
        for path in (self._state, self.path):
            path.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> DiskError:
        kept = f"{self.rows:,} scored rows are kept" if self.rows else "nothing was scored"
        return disk_error(self.path, error, kept)


def already_there(out: Path) -> DataError:
    """Return the error of a file that is there and not to be replaced."""
    return DataError(f"{out} is there already; name another file, or say overwrite")


def fingerprint(table: Rows) -> str:
    """Return what changes when a file or folder does: of its head, size and time of writing."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(table, FolderTable):
        for name in table.corpus.names or ():
            digest.update(f"{name}\0{_stamp(table.path / name)}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
    with open(table.path, "rb") as file:
        digest.update(file.read(_HEAD))
    digest.update(_stamp(table.path).encode())
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"
