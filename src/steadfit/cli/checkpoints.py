"""What a training goes on from: a folder that holds what it wrote, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from steadfit.cli.toml_file import read_toml, toml_text
from steadfit.core.atomic import write_text
from steadfit.core.console import say, told_if_stopped
from steadfit.core.errors import DataError, TrainingError

_BEGUN_WITH, _READ = "options.toml", "read"
_MARK = "# Written by steadfit train or lm, which may delete what it wrote in this folder.\n"
# All that trainings write there, what a writer that was killed left, and what macOS adds.
_WRITTEN = (
    *(_BEGUN_WITH, "plan.json", "in-use.lock", "stage-*", "tokens", "language-model-*"),
    *("held-out", "all", ".*.part", ".*.old", ".DS_Store"),
)
_SHOWN = 5


def checkpoints_beside(out: Path) -> Path:
    """Return where a training that is to become `out` keeps what it needs to go on."""
    return out.with_name(f"{out.name}.checkpoints")


def refuse_foreign(checkpoints: Path) -> None:
    """Check that a place is free, or holds what a training left and nothing else.

    Raises:
        DataError: a file stands there, or a folder with other things in it; they are named.
    """
    if not checkpoints.exists():
        return
    if not checkpoints.is_dir():
        raise DataError(
            f"{checkpoints} is a file, and checkpoints need a folder; move it away, or name "
            "another place by --checkpoint-dir"
        )
    if found := _foreign(checkpoints):
        raise DataError(
            f"{checkpoints} holds what no training left there ({_listed(found)}), and checkpoints "
            "need a folder of their own; move that away, or name another place by --checkpoint-dir"
        )


@contextmanager
def going_on(
    checkpoints: Path, options: Mapping[str, Any], read: Mapping[str, str]
) -> Iterator[None]:
    """Say, where training is interrupted from the keyboard, how it goes on.

    Where it ends before anything was kept to go on from, nothing is left.

    Args:
        checkpoints: where it keeps what it needs for that; see `refuse_foreign`.
        options: on which it depends whether it can; written there by the first call.
        read: by the names of files, what tells their texts and labels from others; written too.

    Raises:
        DataError: the checkpoints are of another fit, which had other options or texts; they are
            named. An option that is not UTF-8.
    """
    file = checkpoints / _BEGUN_WITH
    now = {name: value for name, value in options.items() if value is not None}
    is_new = not checkpoints.exists()
    if not file.exists():
        write_text(file, _MARK + toml_text({**now, _READ: read}))
    line = f"Stopped. The same command goes on from {checkpoints}; delete that to begin anew."
    try:
        with told_if_stopped(lambda: line):
            yield
    except TrainingError as error:
        if "of another fit" not in str(error):
            raise
        was, advice = _how_it_was(read_toml(file), now, read)
        raise DataError(
            f"{checkpoints} is what a stopped training left that {was}, and this one cannot go on "
            f"from it; {advice}, delete it to begin anew, or name another place by --checkpoint-dir"
        ) from error
    finally:
        if [one.name for one in checkpoints.glob("*")] == [_BEGUN_WITH] and _is_ours(file):
            file.unlink(missing_ok=True)
            if is_new:
                with suppress(OSError):
                    checkpoints.rmdir()


def remove_checkpoints(checkpoints: Path) -> None:
    """Delete what a training wrote, and the folder; where other things came into it, they stay."""
    if not _is_ours(checkpoints / _BEGUN_WITH):
        return
    foreign = _foreign(checkpoints)
    for entry in list(checkpoints.iterdir()):
        if entry.name not in foreign:
            _remove(entry)
    if foreign:
        say(f"{checkpoints} is left: what the training did not write is in it ({_listed(foreign)})")
        return
    with suppress(OSError):
        checkpoints.rmdir()


def _foreign(folder: Path) -> list[str]:
    """Return the names of what no training wrote; all of them where none has left its options."""
    names = sorted(entry.name for entry in folder.iterdir())
    if not _is_ours(folder / _BEGUN_WITH):
        return names
    return [name for name in names if not any(fnmatchcase(name, one) for one in _WRITTEN)]


def _is_ours(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


def _remove(entry: Path) -> None:
    with suppress(OSError):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _how_it_was(
    before: dict[str, Any], now: Mapping[str, Any], read: Mapping[str, str]
) -> tuple[str, str]:
    """Return in which way a training was another one, and what would make this one the same."""
    read_before = before.pop(_READ, {})
    if options := _different(before, now):
        return f"had other options ({options})", "give the same options"
    if files := [name for name, digest in read.items() if read_before.get(name) != digest]:
        return f"read other texts or labels ({_listed(files)})", "put them back as they were"
    return (
        "began otherwise, with the same options and texts (another language model to begin with, "
        "or another version)",
        "put that back as it was",
    )


def _different(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    none = "not given"
    return ", ".join(
        f"{name}: {before.get(name, none)} there, {now.get(name, none)} here"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )


def _listed(names: list[str]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
