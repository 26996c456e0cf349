"""A subword tokenizer in a file, in a copy and on several threads is the one that was trained."""

from __future__ import annotations

import copy
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import pytest

from steadfit.core.errors import DataError, FileFormatError
from steadfit.text.pieces import FIXED, SPACE, Pieces
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from tests.text.passages import passage, trained


@pytest.fixture
def tokenizer() -> SubwordTokenizer:
    return trained("english")


def test_a_file_brings_back_the_same_tokenizer(tokenizer: SubwordTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    for loaded in (Tokenizer.load(path), SubwordTokenizer.load(path)):
        assert isinstance(loaded, SubwordTokenizer)
        assert loaded == tokenizer
        assert loaded.fingerprint == tokenizer.fingerprint
        assert loaded.encode(passage("german")) == tokenizer.encode(passage("german"))
    assert json.loads(path.read_text("utf-8"))["rules"] == "steadfit-subwords-1"
    words = Tokenizer(Vocab([*MARKERS, "good"]))
    words.save(path)
    with pytest.raises(FileFormatError, match=r"Tokenizer\.load"):
        SubwordTokenizer.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"scores": None},
        {"scores": [0.0]},
        {"scores": "high"},
        {"tokens": [*FIXED]},
        {"tokens": [*MARKERS, "a"], "scores": [-1.0]},
        {"tokens": [*FIXED, SPACE, "a b"], "scores": [-1.0, -2.0]},
        {"tokens": [*FIXED, SPACE, f"a{SPACE}"], "scores": [-1.0, -2.0]},
        {"tokens": [*FIXED, "a"], "scores": [-1.0]},
        {"tokens": [*FIXED, SPACE], "scores": [1.0]},
        {"tokens": [*FIXED, SPACE], "scores": [float("nan")]},
        {"tokens": [*FIXED, SPACE, ""], "scores": [-1.0, -1.0]},
    ],
)
def test_an_altered_file_is_refused(tokenizer: SubwordTokenizer, change: dict[str, Any]) -> None:
    with pytest.raises(FileFormatError, match="holds no vocabulary"):
        Tokenizer.from_dict({**tokenizer.to_dict(), **change})


def test_each_tokenizer_takes_its_own_vocabulary(tokenizer: SubwordTokenizer) -> None:
    with pytest.raises(DataError, match=r"Tokenizer\.of"):
        Tokenizer(tokenizer.vocab)
    with pytest.raises(DataError, match="Pieces are accepted"):
        SubwordTokenizer(Vocab(MARKERS))
    assert Tokenizer.of(tokenizer.vocab) == tokenizer
    assert type(Tokenizer.of(Vocab(MARKERS))) is Tokenizer


def test_scores_count_in_the_fingerprint_and_in_equality(tokenizer: SubwordTokenizer) -> None:
    vocab = tokenizer.vocab
    assert isinstance(vocab, Pieces)
    other = Pieces(vocab.pieces, [*vocab.scores[:-1], vocab.scores[-1] - 1])
    assert other != vocab
    assert other.fingerprint != vocab.fingerprint
    assert vocab != Vocab(vocab.itos)
    assert Vocab(vocab.itos) != vocab


def test_copies_are_equal_and_encode_alike(tokenizer: SubwordTokenizer) -> None:
    file = io.BytesIO()
    joblib.dump(tokenizer, file)
    file.seek(0)
    for twin in (copy.deepcopy(tokenizer), joblib.load(file)):
        assert isinstance(twin, SubwordTokenizer)
        assert (twin, hash(twin)) == (tokenizer, hash(tokenizer))
        assert twin.encode("Alice ran!!!!") == tokenizer.encode("Alice ran!!!!")


def test_threads_share_one_tokenizer(tokenizer: SubwordTokenizer) -> None:
    texts = [f"Alice and rabbit{n % 31}{'!' * (n % 7)} 中{n}" for n in range(300)]
    fresh = SubwordTokenizer(tokenizer.vocab)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh.encode, texts)) == list(map(tokenizer.encode, texts))


def test_the_memo_starts_anew_when_it_is_full(
    tokenizer: SubwordTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfit.text.subwords.MEMO_SIZE", 20)
    small = SubwordTokenizer(tokenizer.vocab)
    for n in range(40):
        assert small.encode(f"rabbit {n}") == tokenizer.encode(f"rabbit {n}")
    assert len(small._memo) <= 22


def test_only_training_needs_the_library(
    tokenizer: SubwordTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    loaded = Tokenizer.from_dict(tokenizer.to_dict())
    assert loaded.encode("Alice") == tokenizer.encode("Alice")
    with pytest.raises(DataError, match=r"steadfit\[subwords\]"):
        SubwordTokenizer.train([passage("english")])
