"""The tokenizer: encode, decode, its file, and what it refuses to read."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from steadfit.core.errors import DataError, FileFormatError
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.text.words import split_words


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(Vocab([*MARKERS, "good", "film", "!", "4", "é\ud800"]))


def test_encode_gives_the_ids_of_the_words(tokenizer: Tokenizer) -> None:
    text = "Good GOOD film!!!! xxmaj unheard"
    assert tokenizer.encode(text) == tokenizer.vocab.ids(split_words(text))
    assert tokenizer.decode(tokenizer.encode(text)) == (
        "xxbos xxmaj good xxup good film xxrep 4 ! xxunk xxunk"
    )


def test_a_file_brings_back_the_same_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = Tokenizer.load(path)
    assert loaded == tokenizer
    assert loaded.fingerprint == tokenizer.fingerprint
    assert json.loads(path.read_text("utf-8"))["rules"] == "fastai-1"
    assert Tokenizer.from_dict(tokenizer.to_dict()) == tokenizer


def test_fingerprint_is_that_of_the_vocabulary(tokenizer: Tokenizer) -> None:
    assert tokenizer.fingerprint == Tokenizer(Vocab(tokenizer.vocab.itos)).fingerprint
    assert tokenizer.fingerprint != Tokenizer(Vocab(MARKERS)).fingerprint


def test_copies_work_alone(tokenizer: Tokenizer) -> None:
    assert copy.deepcopy(tokenizer).encode("good film") == tokenizer.encode("good film")


def test_threads_share_one_tokenizer(tokenizer: Tokenizer) -> None:
    texts = [f"good film{'!' * (n % 7)} number{n % 31}" for n in range(300)]
    expected = [tokenizer.vocab.ids(split_words(text)) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokenizer.encode, texts)) == expected


@pytest.mark.parametrize("text", [None, b"bytes", 1.5])
def test_what_is_not_a_string_is_refused(tokenizer: Tokenizer, text: Any) -> None:
    with pytest.raises(DataError, match=f"not {type(text).__name__}"):
        tokenizer.encode(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "'format' must be"),
        ({"version": 2}, "newer than 1"),
        ({"version": "1"}, "version '1'"),
        ({"version": True}, "version True"),
        ({"rules": "fastai-2"}, "rules 'fastai-2'"),
        ({"tokens": None}, "no list 'tokens'"),
        ({"tokens": ["a"]}, "must start with the markers"),
        ({"tokens": [*MARKERS, "a", "a"]}, "comes twice"),
    ],
)
def test_another_content_is_refused(
    tokenizer: Tokenizer, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        Tokenizer.from_dict(tokenizer.to_dict() | change)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04K\x01.", b"[]", b"null", b"[" * 100_000, b'{"format": 1}']
)
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"tokenizer\.json"):
        Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="absent"):
        Tokenizer.load(tmp_path / "absent")
