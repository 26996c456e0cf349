"""Data sets that come as an archive, served in small over a real connection."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from steadfit.core.errors import DataError
from steadfit.text import archives, datasets, download
from steadfit.text.archive_sets import ArchiveSet, get
from steadfit.text.datasets import URLs, untar_data
from steadfit.text.download import Patience, Source
from steadfit.text.imdb import IMDB
from steadfit.text.paths import DataPath
from steadfit.text.wikitext import WT103_BWD, WT103_FWD
from tests.text.set_folders import documents, names

QUICK = Patience(timeout=5.0, tries=3, pause=0.001)
COUNTS = {"train/neg": 2, "train/pos": 2, "test/neg": 2, "test/pos": 2, "unsup": 3}
REVIEWS = {
    f"{part}/{number}_{number % 10}.txt": f"{part} {number} <br /> café\r\n"
    for part, count in COUNTS.items()
    for number in range(count)
}
OTHERS = {
    "README": "read",
    "imdb.vocab": "the",
    "train/urls_neg.txt": "http://a",
    "train/urls_unsup.txt": "http://a",
    "test/urls_pos.txt": "http://a",
    "train/labeledBow.feat": "1 0:9",
    "train/unsupBow.feat": "0 0:8",
    "train/neg/._0_0.txt": "left by a Mac",
    "tmp_lm/itos.pkl": "pickle",
}


@pytest.fixture
def official(tar_gz) -> bytes:
    files = {**REVIEWS, **OTHERS}
    return tar_gz(
        *(
            (f"aclImdb/{name.replace('unsup/', 'train/unsup/')}", text.encode())
            for name, text in files.items()
        )
    )


@pytest.fixture
def fast_ai(tar_gz) -> bytes:
    return tar_gz(
        *((f"imdb/{name}", text.encode()) for name, text in {**REVIEWS, **OTHERS}.items())
    )


@pytest.fixture
def imdb(server, official, fast_ai) -> ArchiveSet:
    """The set in small, from the server, under the real names."""
    first, second = (source.name for source in IMDB.sources)
    sources = (
        Source(
            first,
            (server.serve("/first", official),),
            size=len(official),
            md5=hashlib.md5(official).hexdigest(),
        ),
        Source(second, (server.serve("/second", fast_ai),), size=len(fast_ai)),
    )
    return replace(IMDB, sources=sources, counts=COUNTS)


def test_reviews_of_the_official_archive_are_laid_out(home, server, imdb, monkeypatch):
    monkeypatch.setitem(datasets._ARCHIVES, URLs.IMDB, imdb)
    path = untar_data(URLs.IMDB)
    assert isinstance(path, DataPath)
    assert path == home / "data" / "imdb"
    assert documents(path) == REVIEWS
    assert names(path) == ["manifest.json", "test", "train", "unsup"]
    assert names(home / "data") == ["imdb"]
    assert names(home / "archives") == ["aclImdb_v1.tar.gz", "imdb.lock"]
    assert server.log == [("/first", None)]


@pytest.mark.parametrize("status", [404, 500])
def test_both_layouts_give_the_same_folder(home, server, Turn, imdb, status):
    server.serve("/first", Turn(status=status))
    assert documents(get(imdb, patience=QUICK)) == REVIEWS
    assert names(home / "archives") == ["imdb.lock", "imdb.tgz"]


def test_a_second_call_asks_no_one_and_force_unpacks_the_archive_again(home, server, imdb):
    path = get(imdb)
    (path / "models").mkdir()
    (path / "unsup" / "0_0.txt").unlink()
    with pytest.raises(DataError, match=r"force=True.* train, test and unsup"):
        get(imdb)
    assert documents(get(imdb, force=True)) == REVIEWS
    assert get(imdb) == path
    assert (path / "models").is_dir()
    assert server.log == [("/first", None)]


def test_an_archive_of_other_counts_is_not_the_set(home, server, imdb):
    wrong = replace(imdb, counts={**COUNTS, "unsup": 4})
    with pytest.raises(DataError, match=r"unsup: 3 reviews, and the set has .*unsup: 4") as caught:
        get(wrong, patience=QUICK)
    assert str(caught.value).count("unsup: 3 reviews") == 2  # for each archive
    assert names(home / "archives") == ["imdb.lock"]
    assert names(home / "data") == []


def test_a_hostile_archive_leaves_nothing_and_the_next_is_used(home, server, imdb, tar_gz):
    hostile = tar_gz(("imdb/unsup/0_0.txt", b"x"), ("../../evil", b"x"))
    bad = replace(imdb.sources[0], size=len(hostile), md5=hashlib.md5(hostile).hexdigest())
    server.serve("/first", hostile)
    path = get(replace(imdb, sources=(bad, imdb.sources[1])), patience=QUICK)
    assert documents(path) == REVIEWS
    assert not list(home.parent.rglob("evil"))
    assert names(home / "archives") == ["imdb.lock", "imdb.tgz"]


def test_when_no_address_works_each_is_named_and_where_to_put_the_archive(
    home, server, Turn, imdb, official
):
    server.serve("/first", Turn(status=404))
    server.serve("/second", Turn(status=302, location="file:///etc/passwd"))
    with pytest.raises(DataError) as caught:
        get(imdb, patience=QUICK)
    for part in (
        f"{server.base}/first: HTTP 404",
        f"{server.base}/second: only https",
        f"{home / 'archives' / 'aclImdb_v1.tar.gz'} ({len(official):,} bytes, MD5 ",
        f"{home / 'archives' / 'imdb.tgz'} (",
        "without a network",
        "URLs.MOVIE_REVIEWS",
    ):
        assert part in str(caught.value)
    assert not (home / "data").exists()


@pytest.mark.parametrize("name", ["aclImdb_v1.tar.gz", "imdb.tgz"])
def test_an_archive_put_there_by_hand_is_used_without_a_network(
    home, server, imdb, official, fast_ai, name
):
    (home / "archives").mkdir(parents=True)
    (home / "archives" / name).write_bytes(official if name.startswith("acl") else fast_ai)
    assert documents(get(imdb)) == REVIEWS
    assert server.log == []


def test_a_wrong_archive_put_there_by_hand_is_named_and_kept(home, server, imdb, official):
    path = home / "archives" / "aclImdb_v1.tar.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(official[:-1] + b"x")
    with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz: MD5 .* delete it"):
        get(imdb)
    assert path.exists()
    assert server.log == []


def test_a_right_archive_that_cannot_be_laid_out_is_kept_and_named(home, server, imdb):
    get(imdb)
    wrong = replace(imdb, counts={**COUNTS, "unsup": 4})
    with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz holds .*; delete it"):
        get(wrong, force=True)
    assert documents(get(imdb)) == REVIEWS


def test_what_a_killed_call_left_half_unpacked_is_cleared_away(home, imdb):
    half = home / "data" / ".imdb.0123456789ab.part"
    half.mkdir(parents=True)
    (half / "a").touch()
    get(imdb)
    assert names(home / "data") == ["imdb"]


def test_two_processes_at_once_fetch_once(home, server, Turn, imdb, official):
    go = threading.Event()
    server.serve("/first", Turn(official, cut=100, hold=go))
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=get, args=(imdb,)) for _ in range(2)]
    for process in both:
        process.start()
    wait_for(lambda: server.log)
    go.set()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert server.log == [("/first", None)]
    assert documents(get(imdb)) == REVIEWS
    assert names(home / "data") == ["imdb"]


def test_a_call_goes_on_where_a_killed_one_stopped(home, server, Turn, imdb, official):
    hold = threading.Event()
    server.serve("/first", Turn(official, cut=300, hold=hold), official)
    child = multiprocessing.get_context("spawn").Process(target=get, args=(imdb,))
    child.start()
    part = home / "archives" / "aclImdb_v1.tar.gz.part"
    wait_for(lambda: part.exists() and part.stat().st_size == 300)
    child.kill()
    child.join(30)
    hold.set()
    assert not (home / "data").exists()
    assert documents(get(imdb)) == REVIEWS
    assert server.log == [("/first", None), ("/first", "bytes=300-")]
    assert names(home / "archives") == ["aclImdb_v1.tar.gz", "imdb.lock"]


@pytest.mark.parametrize("where", [download, archives])
def test_a_full_disk_is_named_and_what_was_fetched_is_kept(home, server, imdb, monkeypatch, where):
    class Full(io.FileIO):
        def write(self, data: bytes) -> int:
            super().write(data[:200])
            raise OSError(28, "No space left on device")

    def opened(path: Path, mode: str = "r", **kwargs: object) -> io.IOBase:
        return open(path, mode, **kwargs) if "r" in mode else Full(path, mode.replace("b", ""))

    with monkeypatch.context() as patch:
        patch.setattr(where, "open", opened, raising=False)
        with pytest.raises(DataError, match=r"No space left on device.* STEADFIT_HOME"):
            get(imdb)
    assert not (home / "data").exists() or names(home / "data") == []
    assert documents(get(imdb)) == REVIEWS
    resumed = [("/first", "bytes=200-")] if where is download else []
    assert server.log == [("/first", None), *resumed]


def wait_for(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_real_addresses_are_https_and_their_archives_verified():
    for data in datasets._ARCHIVES.values():
        for source in data.sources:
            assert all(url.startswith("https://") for url in source.urls)
            assert source.hashed or (source.size and source.md5_of_first_mib)
    official, fast_ai = IMDB.sources
    assert official.urls == ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",)
    assert official.md5 == "7c2ac02c03563afcf9b574c7e56c153a"
    assert fast_ai.size == 144_440_600
    assert sum(IMDB.counts.values()) == 100_000
    assert [data.sources[0].size for data in (WT103_FWD, WT103_BWD)] == [105_067_061, 105_205_312]


def test_the_manifest_names_the_archive(home, imdb):
    stated = json.loads((get(imdb) / "manifest.json").read_text(encoding="utf-8"))
    assert stated["archive"] == "aclImdb_v1.tar.gz"
    assert stated["files_and_bytes"]["unsup"][0] == 3
