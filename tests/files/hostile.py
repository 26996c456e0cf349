"""Ways to damage a file, and what must then hold."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from steadfit.core.errors import SteadfitError

Damage = tuple[str, Callable[[bytes], bytes]]


def boundaries(content: bytes) -> list[int]:
    """Return the places in a file where a structure begins or ends."""
    places = {0, 1, 2, 4, 8, 9, 10, 16, 32, 64, 127, 128, len(content) // 2, len(content) - 1}
    if content[:1] == b"{" or content[8:9] == b"{":  # JSON, or a safetensors header
        places |= {match.end() for match in re.finditer(rb'[{}\[\]:,"]', content[:20_000])}
    places |= {8 + int.from_bytes(content[:8], "little")}
    return sorted(place for place in places if 0 <= place < len(content))


@st.composite
def damages(draw: st.DrawFn, content: bytes) -> bytes:
    """Return `content` cut short, with flipped bits, or with bytes put in, out or elsewhere."""
    place = draw(st.sampled_from(boundaries(content)) | st.integers(0, max(len(content) - 1, 0)))
    way = draw(st.sampled_from(["cut", "flip", "flip", "flip", "put", "repeat", "leave out"]))
    if way == "cut":
        return content[:place]
    if way == "flip":
        flipped = bytearray(content)
        for _ in range(draw(st.integers(1, 3))):
            if flipped:
                flipped[place % len(flipped)] ^= 1 << draw(st.integers(0, 7))
            place += draw(st.integers(0, 9))
        return bytes(flipped)
    if way == "put":
        return content[:place] + draw(st.binary(min_size=1, max_size=9)) + content[place:]
    end = place + draw(st.integers(1, 40))
    return content[:end] + content[place:] if way == "repeat" else content[:place] + content[end:]


VALUES: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**63, 10**30, 1.5, float("nan"), float("inf"), "", "../../x"),
    *("/etc/passwd", "a\0b", "\ud800", "é" * 1000, [], [[]], {}, {"": 0}, ["../x"], [None]),
]


def replacements(content: Any) -> Iterator[Any]:
    """Yield copies of a JSON value with one part of it replaced or left out."""
    if isinstance(content, dict):
        for key in content:
            yield {name: value for name, value in content.items() if name != key}
            for part in [*VALUES, *replacements(content[key])]:
                yield {**content, key: part}
    elif isinstance(content, list):
        for place in range(min(len(content), 2)):
            yield content[:place] + content[place + 1 :]
            for part in [*VALUES, *replacements(content[place])]:
                yield [*content[:place], part, *content[place + 1 :]]


def same_or_refused(read: Callable[[], Any], expected: Any) -> None:
    """Read what was damaged: it must be refused by an error of ours, or come out the same."""
    try:
        found = read()
    except SteadfitError:
        return
    assert found == expected


def usable_or_refused(read: Callable[[], Any]) -> None:
    """Read what a person altered with knowledge of the format: only our own errors may come."""
    with suppress(SteadfitError):
        read()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def plant_and_read(folder: Path, read: Callable[[], Any], sprung: Path) -> None:
    """Put a pickle in the place of every file, one after the other, and read."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    for file in files:
        whole = file.read_bytes()
        for protocol in (0, 2, 4, 5):
            file.write_bytes(pickle.dumps(Trap(sprung), protocol=protocol))
            usable_or_refused(read)
        file.write_bytes(whole)
    assert not sprung.exists()


def no_file_but_something_else(folder: Path, read: Callable[[], Any], needed: set[str]) -> None:
    """Put a folder, a pipe, a dead link and a loop in the place of each file: no hang, no crash."""
    for name in sorted(needed):
        path = folder / name
        kept = folder.parent / "kept"
        shutil.move(path, kept)
        ways: list[Callable[[], object]] = [path.mkdir, lambda path=path: None]  # type: ignore[misc]
        if hasattr(os, "mkfifo"):
            ways.append(lambda path=path: os.mkfifo(path))  # type: ignore[misc]
            ways.append(lambda path=path: path.symlink_to(folder / "nowhere"))  # type: ignore[misc]
            ways.append(lambda path=path: path.symlink_to(path))  # type: ignore[misc]
        for put in ways:
            put()
            with pytest.raises(SteadfitError):
                read()
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        shutil.move(kept, path)


def as_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
