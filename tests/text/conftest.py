"""A cache folder, and a real HTTP server on the loopback address with all the faults asked for."""

from __future__ import annotations

import io
import re
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@dataclass
class Turn:
    """How one request is answered."""

    body: bytes = b""
    status: int = 200
    location: str | None = None
    etag: str | None = '"one"'
    ranges: bool = True
    cut: int | None = None  # the connection ends after so many bytes of the answer
    length: bool = True
    delay: float = 0.0  # before each tenth of the body
    hold: threading.Event | None = None  # what is cut off is sent when this is set
    content_range: str | None = None


@dataclass
class Server:
    base: str
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    log: list[tuple[str, str | None]] = field(default_factory=list)

    def serve(self, path: str, *turns: Turn | bytes) -> str:
        """Answer requests for `path` by these turns in order, the last one again and again."""
        self.turns[path] = [turn if isinstance(turn, Turn) else Turn(turn) for turn in turns]
        return self.base + path


class _Handler(BaseHTTPRequestHandler):
    server_version = "test"

    def do_GET(self) -> None:
        server: Server = self.server.told
        asked = self.headers.get("Range")
        server.log.append((self.path, asked))
        turns = server.turns.get(self.path, [Turn(status=404)])
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        body, start, status = turn.body, 0, turn.status
        condition = self.headers.get("If-Range")
        if asked and status == 200 and turn.ranges and condition in (None, turn.etag):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            status = 206 if start < len(body) else 416
        self.send_response(status)
        if status == 206:
            stated = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_header("Content-Range", turn.content_range or stated)
        if turn.location:
            self.send_header("Location", turn.location)
        if turn.etag:
            self.send_header("ETag", turn.etag)
        if turn.length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body) if turn.cut is None else start + turn.cut
        step = max(1, (end - start) // 10) if turn.delay else len(body) + 1
        try:
            for at in range(start, end, step):
                time.sleep(turn.delay)
                self.wfile.write(body[at : min(at + step, end)])
            if turn.hold is not None:
                self.wfile.flush()
                turn.hold.wait(10)
                self.wfile.write(body[end:])
        except OSError:
            pass  # the other side has gone

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        http.told = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield http.told
        http.shutdown()
        thread.join(10)


def tar_gz(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """Return an archive of files (name, content) and of headers alone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


@pytest.fixture(name="tar_gz")
def _tar_gz() -> object:
    return tar_gz


@pytest.fixture(name="Turn")
def _turn() -> type[Turn]:
    return Turn
