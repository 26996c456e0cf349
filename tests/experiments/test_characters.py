"""A text becomes symbols, three parts and windows that read every character once."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments._characters import BROWN, pieces, read_characters, windows
from steadfit.core.errors import DataError

TEXT = "the quick brown fox. " * 600  # 12,600 characters, 10,800 of 90 % rounded down


def test_the_parts_follow_each_other_in_the_text(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    found = read_characters(file)
    assert [len(part) for part in (found.train, found.valid, found.test)] == [11_340, 630, 630]
    signs = sorted(set(TEXT))
    whole = torch.cat([found.train, found.valid, found.test]).tolist()
    assert "".join(signs[number - 1] for number in whole) == TEXT
    assert found.symbols == len(signs) + 1


def test_a_symbol_is_what_occurs_ten_times_in_the_training_part(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    held_out = "V" * 1_000
    file.write_text("Z" * 9 + "Y" * 10 + "a" * 8_981 + held_out)
    found = read_characters(file)
    assert found.symbols == 3  # the rare ones together, Y, a
    assert found.train[:19].tolist() == [0] * 9 + [1] * 10
    assert torch.cat([found.valid, found.test]).unique().tolist() == [0]
    assert found.train[19:].unique().tolist() == [2]


def test_a_compressed_text_reads_as_a_plain_one(tmp_path: Path) -> None:
    plain, packed = tmp_path / "text.txt", tmp_path / "text.txt.xz"
    plain.write_text(TEXT + "naïve ‘words’", encoding="utf-8")
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    for one, other in zip(read_characters(plain)[:3], read_characters(packed)[:3], strict=True):
        assert torch.equal(one, other)


def test_a_limit_reads_the_beginning() -> None:
    found = read_characters(BROWN, limit=20_000)
    assert [len(part) for part in found[:3]] == [18_000, 1_000, 1_000]


@pytest.mark.parametrize("ending", [".txt", ".xz"])
@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00" * 9_000, lzma.compress(b"abc")[:-9]])
def test_a_file_that_is_no_text_is_told_from_one(
    ending: str, content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / f"text{ending}"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.\w+ cannot be read as text .*UTF-8"):
        read_characters(file)


def test_a_text_too_short_for_three_parts_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("a" * 9_999)
    with pytest.raises(DataError, match=r"holds 9,999 characters; 10,000 are the least"):
        read_characters(file)


@given(
    length=st.integers(2, 400),
    rows=st.integers(1, 12),
    time=st.integers(1, 60),
)
def test_rows_read_on_from_window_to_window_and_cover_every_target_once(
    length: int, rows: int, time: int
) -> None:
    part = torch.arange(length)
    steps = (length - 1) // rows
    found = list(windows(part, rows, time))
    assert len(found) == -(-steps // time)
    if not found:
        return
    assert all(inputs.shape == (rows, time) for inputs, _ in found[:-1])
    inputs = torch.cat([one for one, _ in found], dim=1)
    targets = torch.cat([one for _, one in found], dim=1)
    assert torch.equal(targets, inputs + 1)  # the part counts up, so the next character is one more
    assert targets.flatten().tolist() == list(range(1, rows * steps + 1))
    assert length - 1 - rows * steps < rows  # what is left out does not fill a column


def test_pieces_are_runs_of_the_text_from_anywhere_in_it() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, targets = pieces(torch.arange(1_000), 500, 20, generator)
    assert torch.equal(inputs, inputs[:, :1] + torch.arange(20))
    assert torch.equal(targets, inputs + 1)
    assert inputs.min() < 20
    assert targets.max() > 980
