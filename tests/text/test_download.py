"""Downloads: whole and verified, or an error that says what happened at each address."""

from __future__ import annotations

import ast
import hashlib
import random
import socket
import ssl
import threading
from pathlib import Path

import pytest

import steadfit
from steadfit.core.errors import DataError
from steadfit.text import addresses
from steadfit.text.download import FetchError, Patience, Source, fetch

BODY = random.Random(0).randbytes(50_000)
QUICK = Patience(timeout=5.0, tries=4, pause=0.001)
PATH = "/a.tgz"


def source(*urls: str, **known: object) -> Source:
    known = known or {"size": len(BODY), "md5": hashlib.md5(BODY).hexdigest()}
    return Source("a.tgz", urls, **known)


def fetched(source: Source, folder: Path) -> bytes:
    """Fetch and return the content; nothing else is left in the folder."""
    path = fetch(source, folder, QUICK)
    assert [entry.name for entry in folder.iterdir()] == [source.name]
    return path.read_bytes()


def failures(source: Source, folder: Path, patience: Patience = QUICK) -> list[str]:
    with pytest.raises(FetchError) as caught:
        fetch(source, folder, patience)
    assert not (folder / source.name).exists()
    return [reason for _, reason in caught.value.failures]


@pytest.mark.parametrize("turn", [{}, {"delay": 0.002}, {"length": False}, {"etag": None}])
def test_a_file_is_fetched_whole(server, Turn, tmp_path, turn):
    assert fetched(source(server.serve(PATH, Turn(BODY, **turn))), tmp_path) == BODY
    assert server.log == [(PATH, None)]


@pytest.mark.parametrize("known", ["md5", "size"])
def test_a_broken_download_goes_on_where_it_stopped(server, Turn, tmp_path, known):
    url = server.serve(PATH, Turn(BODY, cut=10_000), Turn(BODY, cut=20_000), BODY)
    given = {} if known == "md5" else {"size": len(BODY)}
    assert fetched(source(url, **given), tmp_path) == BODY
    assert server.log == [(PATH, None), (PATH, "bytes=10000-"), (PATH, "bytes=30000-")]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, Turn, tmp_path):
    url = server.serve(PATH, Turn(BODY, cut=10_000), Turn(BODY, cut=0))
    assert "10,000 of 50,000 bytes (given up after 4 tries)" in failures(source(url), tmp_path)[0]
    server.serve(PATH, BODY)
    assert fetched(source(url), tmp_path) == BODY
    assert server.log[-1] == (PATH, "bytes=10000-")


def test_a_server_that_stops_sending_is_asked_again(server, Turn, tmp_path):
    hold = threading.Event()
    url = server.serve(PATH, Turn(BODY, cut=10_000, hold=hold), BODY)
    path = fetch(source(url), tmp_path, Patience(timeout=0.2, tries=2, pause=0.001))
    hold.set()
    assert path.read_bytes() == BODY
    assert server.log == [(PATH, None), (PATH, "bytes=10000-")]


@pytest.mark.parametrize("later", [{"ranges": False}, {"etag": '"two"'}, {"etag": None}])
def test_a_server_that_sends_all_again_is_not_spliced(server, Turn, tmp_path, later):
    other = BODY[::-1]
    url = server.serve(PATH, Turn(other, cut=10_000), Turn(BODY, **later))
    assert fetched(source(url, size=len(BODY)), tmp_path) == BODY
    assert server.log == [(PATH, None), (PATH, "bytes=10000-")]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_promise_of_sameness_only_a_hash_lets_a_download_go_on(
    server, Turn, tmp_path, etag
):
    for known, asked in (({}, "bytes=10000-"), ({"size": len(BODY)}, None)):
        server.log.clear()
        url = server.serve(PATH, Turn(BODY, etag=etag, cut=10_000), Turn(BODY, etag=etag))
        assert fetched(source(url, **known), tmp_path / str(asked)) == BODY
        assert server.log == [(PATH, None), (PATH, asked)]


def test_a_file_that_changed_unseen_is_found_out_and_fetched_anew(server, Turn, tmp_path):
    url = server.serve(PATH, Turn(BODY[::-1], cut=10_000), BODY)  # the tag stays the same
    assert fetched(source(url), tmp_path) == BODY
    assert server.log == [(PATH, None), (PATH, "bytes=10000-"), (PATH, None)]


@pytest.mark.parametrize(
    "stated", ["bytes 0-49999/50000", "bytes 10000-49999/60000", "bytes", "items 10000-1/2"]
)
def test_another_range_than_the_one_asked_for_is_not_taken(server, Turn, tmp_path, stated):
    wrong = Turn(BODY, content_range=stated)
    url = server.serve(PATH, Turn(BODY, cut=10_000), wrong, BODY)
    assert fetched(source(url), tmp_path) == BODY
    assert server.log[-1] == (PATH, None)


def test_a_part_longer_than_the_file_is_thrown_away(server, Turn, tmp_path):
    sha = {"sha256": hashlib.sha256(BODY).hexdigest()}
    url = server.serve(PATH, Turn(BODY * 2, cut=60_000), BODY)
    assert fetched(source(url, **sha), tmp_path) == BODY
    assert server.log == [(PATH, None), (PATH, "bytes=60000-"), (PATH, None)]


def test_a_part_that_was_whole_already_is_only_verified(server, Turn, tmp_path):
    url = server.serve(PATH, Turn(BODY, cut=10_000))
    failures(source(url), tmp_path)
    asked = len(server.log)
    (tmp_path / "a.tgz.part").write_bytes(BODY)
    assert fetched(source(url), tmp_path) == BODY
    assert len(server.log) == asked


@pytest.mark.parametrize("notes", ["", "{}", "[]", "null", '{"url": 1, "validator": [], '])
def test_notes_that_cannot_be_read_mean_a_new_start(server, tmp_path, notes):
    (tmp_path / "a.tgz.part").write_bytes(b"x" * 100)
    (tmp_path / "a.tgz.part.json").write_text(notes)
    assert fetched(source(server.serve(PATH, BODY)), tmp_path) == BODY
    assert server.log == [(PATH, None)]


def test_a_header_cannot_be_smuggled_in_by_a_servers_tag(server, Turn, tmp_path):
    (tmp_path / "a.tgz.part").write_bytes(BODY[:100])
    url = server.serve(PATH, BODY)
    (tmp_path / "a.tgz.part.json").write_text(
        '{"url": "%s", "validator": "\\"a\\"\\r\\nX: y", "total": 50000}' % url  # noqa: UP031
    )
    assert fetched(source(url), tmp_path) == BODY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BODY[:-1], "49,999 bytes are offered where 50,000"),
        (BODY + b"x", "50,001 bytes are offered where 50,000"),
        (BODY[:-1] + b"x", "MD5"),
        (b"", "0 bytes are offered"),
    ],
)
def test_another_content_is_refused_at_once_and_the_next_address_used(
    server, tmp_path, body, reason
):
    bad, good = server.serve("/bad", body), server.serve("/good", BODY)
    assert reason in failures(source(bad), tmp_path)[0]
    assert server.log == [("/bad", None)]
    assert list(tmp_path.iterdir()) == []
    assert fetched(source(bad, good), tmp_path) == BODY


def test_a_stream_without_an_end_is_cut_off(server, Turn, tmp_path):
    url = server.serve(PATH, Turn(BODY * 4, length=False))
    assert failures(source(url, size=len(BODY)), tmp_path) == ["more than 50,000 bytes were sent"]
    sha = {"sha256": "0" * 64, "most": 60_000}
    assert failures(source(url, **sha), tmp_path) == ["more than 60,000 bytes were sent"]


def test_the_beginning_and_the_whole_are_compared(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"ab" * (1 << 19) + b"tail")
    begin = hashlib.md5(b"ab" * (1 << 19)).hexdigest()
    assert source(size=(1 << 20) + 4, md5_of_first_mib=begin).fault(path) is None
    assert "first MiB" in source(size=(1 << 20) + 4, md5_of_first_mib="0" * 32).fault(path)
    assert "SHA-256" in source(sha256="0" * 64).fault(path)


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 4), (503, 4), (429, 4)])
def test_an_answer_without_the_file_leads_to_the_next_address(
    server, Turn, tmp_path, status, asked
):
    bad, good = server.serve("/bad", Turn(b"no", status=status)), server.serve("/good", BODY)
    assert fetched(source(bad, good), tmp_path) == BODY
    assert server.log == [("/bad", None)] * asked + [("/good", None)]
    assert f"HTTP {status}" in failures(source(bad), tmp_path / "2")[0]


def test_a_part_from_one_address_goes_on_at_another_when_its_hash_is_known(server, Turn, tmp_path):
    bad = server.serve("/bad", Turn(BODY, cut=10_000), Turn(status=404))
    good = server.serve("/good", Turn(BODY, etag='"other"'))
    assert fetched(source(bad, good), tmp_path) == BODY
    assert server.log[-1] == ("/good", "bytes=10000-")
    bad = server.serve("/bad", Turn(BODY, cut=10_000), Turn(status=404))
    assert fetched(source(bad, good, size=len(BODY)), tmp_path / "2") == BODY
    assert server.log[-1] == ("/good", None)


def test_redirects_are_followed_and_keep_the_range(server, Turn, tmp_path):
    server.serve("/there", Turn(BODY, cut=10_000), BODY)
    url = server.serve(PATH, Turn(status=302, location="/there"))
    assert fetched(source(url), tmp_path) == BODY
    assert server.log[-2:] == [(PATH, "bytes=10000-"), ("/there", "bytes=10000-")]


def test_a_redirect_loop_ends(server, Turn, tmp_path):
    url = server.serve(PATH, Turn(status=301, location=PATH))
    assert failures(source(url), tmp_path) == ["more than 5 redirects"]
    assert len(server.log) == 6


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/a.tgz",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.tgz",
        "data:,x",
        "http://example.invalid/a.tgz",
        "http://127.0.0.1@example.invalid/a.tgz",
        "http://[::1/",
    ],
)
def test_a_redirect_elsewhere_is_refused(server, Turn, tmp_path, monkeypatch, location):
    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        assert address[0] == "127.0.0.1"
        assert str(address[1]) == server.base.rpartition(":")[2]
        return create_connection(address, *args, **kwargs)

    create_connection = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    url = server.serve(PATH, Turn(status=302, location=location))
    (reason,) = failures(source(url), tmp_path)
    assert location in reason
    assert "try" not in reason
    assert server.log == [(PATH, None)]


@pytest.mark.parametrize(
    "url", ["http://example.invalid/a", "file:///etc/passwd", "ftp://a/b", "a.tgz", "", "https://"]
)
def test_only_https_is_opened_beyond_this_machine(tmp_path, url):
    (reason,) = failures(source(url), tmp_path)
    assert url in reason


def test_a_redirect_never_leads_from_https_to_http(monkeypatch):
    """Also not on this machine, where http would be allowed."""
    answer = addresses.urllib.error.HTTPError(
        "https://a", 302, "Found", {"Location": "http://127.0.0.1/a"}, None
    )

    class Opener:
        def open(self, request: object, timeout: float) -> object:
            raise answer

    monkeypatch.setattr(addresses, "_opener", lambda url: Opener())
    with pytest.raises(addresses.Refused, match="another protocol"):
        addresses.open_address("https://example.invalid/a", {}, 1.0)


def test_offline_is_said_at_once(tmp_path, monkeypatch):
    def nowhere(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    slow = Patience(tries=2, pause=60.0)  # would take a minute if it were tried again
    (reason,) = failures(source("https://example.invalid/a"), tmp_path, slow)
    assert "Name or service not known" in reason


def test_a_server_that_is_not_there_is_tried_a_few_times(tmp_path):
    with socket.socket() as closed:  # bound, but not listening
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        (reason,) = failures(source(url), tmp_path)
    assert "given up after 4 tries" in reason


def test_a_wrong_certificate_is_not_tried_again():
    error = ssl.SSLCertVerificationError("no")
    error.verify_message = "self-signed certificate"
    assert isinstance(addresses._judge(error), addresses.Refused)


def test_a_source_must_be_known_by_something_and_stay_in_its_folder():
    with pytest.raises(DataError, match="sha256="):
        Source("a.tgz", ("https://a",))
    with pytest.raises(DataError, match="without folders"):
        Source("../a.tgz", ("https://a",), size=1)


def test_no_other_module_can_open_a_connection():
    root = Path(steadfit.__file__).parent
    network = {"socket", "ssl", "http", "ftplib", "asyncio", "requests", "httpx", "aiohttp"}
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}"]
            if any(name.split(".")[0] in network or name == "urllib.request" for name in names):
                found.add(path.relative_to(root).as_posix())
    assert found == {"text/addresses.py", "text/download.py"}
