"""A scored table that was stopped anywhere, and run again, has the bytes of one that was not."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from steadfit.core.errors import DataError, DiskError
from steadfit.core.lock import process_lock_or
from steadfit.inference import score_part, score_rows
from steadfit.inference.scored import Scored
from tests.inference.scoring import Stops, by_length, read, table


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("at", [1, 3, 6])
def test_stopped_at_any_block_and_run_again_gives_the_same_bytes(tmp_path, score, said, ending, at):
    if ending == "parquet":
        pytest.importorskip("polars")
    table(tmp_path)
    score(out=f"whole.{ending}")
    broken = Stops(at, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        score(broken, out=f"out.{ending}")
    assert not (tmp_path / f"out.{ending}").exists()
    assert f"{8 * at} scored rows are kept in" in said[-1]
    rest = Stops(99, KeyboardInterrupt())
    assert score(rest, out=f"out.{ending}") == Scored(50, 8 * at, 0)
    assert f"going on after the {8 * at} rows" in said[-1]
    assert len(rest.texts) == 50 - 8 * at  # nothing is scored twice
    whole, again = (tmp_path / f"{name}.{ending}" for name in ("whole", "out"))
    assert again.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted(["in.csv", whole.name, again.name])


def test_a_process_that_is_killed_loses_what_stands_behind_its_last_state(tmp_path, score):
    table(tmp_path)
    score(out="whole.csv")
    with pytest.raises(KeyboardInterrupt):
        score(Stops(3, KeyboardInterrupt()))
    with open(tmp_path / "out.csv.part", "ab") as part:
        part.write(b'24,"half a ro')
    assert score().from_before == 24
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_long_texts_cut_a_block_where_they_did_before(tmp_path, score, monkeypatch):
    monkeypatch.setattr(score_rows, "_CHARACTERS", 40)
    table(tmp_path)
    score(out="whole.csv")
    sizes: list[int] = []

    def noted(texts: Sequence[str]) -> np.ndarray:
        sizes.append(len(texts))
        if len(sizes) == 4:
            raise KeyboardInterrupt
        return by_length(texts)

    with pytest.raises(KeyboardInterrupt):
        score(noted)
    score(noted)
    assert max(sizes) < 8
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "b"}, "another model"),
        ({"batch": 4}, "another settings"),
        ({"prefix": "new_"}, "another columns, settings"),
        ("source", "another source"),
        ("state", "is damaged"),
        ("part", "is damaged"),
    ],
)
def test_another_source_model_or_setting_begins_anew(tmp_path, score, said, change, told):
    source = table(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        score(Stops(3, KeyboardInterrupt()), model="a")
    given = {"model": "a", **(change if isinstance(change, dict) else {})}
    if change == "source":
        source.write_text(source.read_text().replace('"x', '"y'))
    elif change == "state":
        state = tmp_path / "out.csv.part.json"
        state.write_text(state.read_text().replace('"rows": 24', '"rows": 16'))
    elif change == "part":
        (tmp_path / "out.csv.part").write_bytes(b"id")
    assert score(**given).from_before == 0
    assert any(told in line and "scored again" in line for line in said)
    score(out="whole.csv", **given)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_rows_that_were_read_with_quotes_are_not_gone_on_with_without(tmp_path, score, said):
    (tmp_path / "in.csv").write_text("text\n" + '"abc"\n' * 50)
    with pytest.raises(KeyboardInterrupt):
        score(Stops(3, KeyboardInterrupt()))
    assert score(quotes=False).from_before == 0
    assert "begun with another settings" in said[-1]
    assert {row["text"] for row in read(tmp_path / "out.csv")} == {'"abc"'}


def test_a_row_that_cannot_be_read_keeps_those_before_it(tmp_path, score, said):
    source = table(tmp_path, 20)
    with open(source, "a") as file:
        file.write("1,2,3\n")
    with pytest.raises(DataError, match=r"line 42: 3 fields"):
        score()
    assert "16 scored rows are kept" in said[-1]


def test_an_error_before_the_first_row_leaves_nothing(tmp_path, score, said):
    table(tmp_path)
    with pytest.raises(RuntimeError, match="broken"):
        score(Stops(0, RuntimeError("broken")))
    assert os.listdir(tmp_path) == ["in.csv"]
    assert said == []


def test_a_source_that_changes_meanwhile_is_refused(tmp_path, score):
    source = table(tmp_path)

    def changing(texts: Sequence[str]) -> np.ndarray:
        os.utime(source, ns=(1, 1))
        return by_length(texts)

    with pytest.raises(DataError, match="was changed meanwhile"):
        score(changing)
    assert not (tmp_path / "out.csv").exists()


def test_from_a_pipe_every_row_is_scored_and_a_stopped_run_begins_anew(
    score, said, piped, tmp_path
):
    content = table(tmp_path, 2_000).read_bytes()
    score(out="whole.csv")
    with pytest.raises(KeyboardInterrupt):
        score(Stops(3, KeyboardInterrupt()), piped("a.csv", content))
    assert "a.csv cannot be read again" in said[-1]
    assert score(source=piped("b.csv", content)) == Scored(2_000, 0, 0)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_full_disk_keeps_the_rows_and_the_next_run_goes_on(tmp_path, score, said):
    resource = pytest.importorskip("resource")
    table(tmp_path, 200)  # or the state would be larger than it
    score(out="whole.csv")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = (tmp_path / "whole.csv").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole * 2 // 3, hard))
    try:
        with pytest.raises(DiskError, match=r"out\.csv\.part could not be written: File too large"):
            score()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "are kept in" in said[-1]
    assert 100 < score().from_before < 200
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_disk_that_is_full_at_the_end_says_so(tmp_path, score, monkeypatch, ending):
    pytest.importorskip("polars")
    table(tmp_path)

    replace = os.replace

    def full(old: Path, new: Path) -> None:
        if Path(new).name == f"out.{ending}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        patch.setattr(os, "link", full)
        with pytest.raises(DiskError, match="free some space") as caught:
            score(out=f"out.{ending}")
    assert caught.value.errno == errno.ENOSPC
    assert score(Stops(0, RuntimeError()), out=f"out.{ending}").from_before == 50


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path, score):
    table(tmp_path)
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(DataError, match="is there already; name another file, or say overwrite"):
        score()
    with pytest.raises(KeyboardInterrupt):
        score(Stops(2, KeyboardInterrupt()), overwrite=True)
    assert (tmp_path / "out.csv").read_text() == "mine"
    score(overwrite=True)
    assert len(read(tmp_path / "out.csv")) == 50


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_that_appears_meanwhile_stays_and_so_do_the_rows(
    tmp_path, score, said, monkeypatch, ending, links
):
    pytest.importorskip("polars")
    table(tmp_path)
    out = tmp_path / f"out.{ending}"

    def appears(texts: Sequence[str]) -> np.ndarray:
        out.write_text("another's")
        return by_length(texts)

    def no_links(old: Path, new: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(DataError, match="is there already; name another file, or say overwrite"):
        score(appears, out=out.name)
    assert out.read_text() == "another's"
    assert "50 scored rows are kept in" in said[-1]
    never = Stops(0, AssertionError("it began"))
    assert score(never, out=out.name, overwrite=True).from_before == 50
    score(out=f"whole.{ending}")
    assert out.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert len(os.listdir(tmp_path)) == 3  # and the table


def test_a_part_that_was_not_begun_here_is_left_alone(tmp_path, score, piped):
    source = table(tmp_path)
    part = tmp_path / "out.csv.part"
    part.write_text("the third part of a novel")
    for given in (source, piped("in.csv.pipe", source.read_bytes())):
        with pytest.raises(DataError, match=r"out\.csv\.part is there and was not begun here"):
            score(source=given, format="csv", overwrite=True)
        assert part.read_text() == "the third part of a novel"


@pytest.mark.parametrize("state", [True, False])
def test_a_process_that_is_killed_before_its_first_row_leaves_nothing_in_the_way(
    tmp_path, score, said, state
):
    table(tmp_path)
    files: dict[str, bytes] = {}

    def looks(texts: Sequence[str]) -> np.ndarray:
        for path in tmp_path.glob("out.csv.part*"):
            files.setdefault(path.name, path.read_bytes())
        return by_length(texts)

    score(looks)
    (tmp_path / "out.csv").rename(tmp_path / "whole.csv")
    assert set(files) == {"out.csv.part", "out.csv.part.json"}
    (tmp_path / "out.csv.part").write_bytes(files["out.csv.part"] if state else b"")
    if state:
        (tmp_path / "out.csv.part.json").write_bytes(files["out.csv.part.json"])
    assert score() == Scored(50, 0, 0)
    assert said == []
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_processes_do_not_write_one_file(tmp_path, score):
    table(tmp_path)
    with (
        process_lock_or(RuntimeError(), tmp_path / ".out.csv.lock"),
        pytest.raises(DataError, match="is being written by another process"),
    ):
        score()
    score()


def test_states_are_saved_now_and_then(tmp_path, score, monkeypatch):
    table(tmp_path)
    monkeypatch.setattr(score_part, "SAVED_EVERY", 0.0)
    seen: list[int] = []

    def looks(texts: Sequence[str]) -> np.ndarray:
        state = tmp_path / "out.csv.part.json"
        seen.append(json.loads(state.read_text())["rows"] if state.exists() else 0)
        return by_length(texts)

    score(looks)
    assert seen == [0, 8, 16, 24, 32, 40, 48]
