"""General text in documents, a language model of it, and its bits per byte by hand."""

from __future__ import annotations

import json
import lzma
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from experiments import _runs, base_model
from experiments._general_text import corpus, documents
from experiments._pretraining import Pretraining, _bits_per_byte, pretrain, trimmed
from experiments._report import Options, write
from experiments._runs import run_all
from steadfit.core.atomic import write_json
from steadfit.core.errors import DataError
from steadfit.files.model_folder import load_model
from steadfit.models.language_model import LanguageModel
from steadfit.report.provenance import provenance
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab

TEXT = "One two\nthree.\n\n\nFour five six.\n\nSeven.\n"


def test_empty_lines_part_documents_and_lines_within_stay(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.xz"
    plain.write_text(TEXT, encoding="utf-8")
    packed.write_bytes(lzma.compress(TEXT.encode()))
    expected = ["One two\nthree.", "Four five six.", "Seven."]
    assert list(documents(plain)) == list(documents(packed)) == expected
    assert list(documents(plain, words=3)) == expected[:1]
    assert list(documents(plain, words=4)) == expected[:2]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "a.txt.xz"
    broken.write_bytes(lzma.compress(TEXT.encode() * 999)[:-40])
    with pytest.raises(DataError, match="cannot be read as text"):
        list(documents(broken))


def test_bits_per_byte_are_the_length_of_a_code_by_hand() -> None:
    tokenizer = Tokenizer(Vocab.from_counts(["one", "two"], [9, 9]))
    # Three tokens, one of them unknown: it stands for a word of 11 / 3 bytes.
    assert _bits_per_byte(math.log(4), tokenizer, ["one two ten"]) == pytest.approx(
        (3 * 2 + 8 * 11 / 3) / 11
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_a_model_is_trained_from_its_own_text_and_kept_with_its_direction(
    tmp_path: Path, backwards: bool
) -> None:
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    train.write_text("a b a b a b c.\n\n" * 60, encoding="utf-8")
    valid.write_text("a b a b a b c.\n\n" * 30, encoding="utf-8")
    how = Pretraining(
        vocab=50,
        emb_sz=8,
        n_hid=8,
        n_layers=2,
        epochs=8,
        rows=4,
        bptt=10,
        lr=2e-2,
        drop_mult=0.0,
        backwards=backwards,
    )
    found = pretrain(how, corpus(train, valid), tmp_path / "model", tmp_path / "checkpoints")
    assert found["perplexity"] < 6  # of five tokens and the beginning of a document
    assert found["bits_per_byte"] < 2
    saved = load_model(tmp_path / "model")
    assert saved.backwards == backwards
    assert saved.details["commit"] == _runs.stamp()["commit"]
    assert saved.details["made_on"] == provenance()


def test_a_fresh_model_does_not_take_old_weights_back(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("train", "valid"):
        (tmp_path / f"{side}.txt").write_text("a b a b a b c.\n\n" * 60, encoding="utf-8")
    how = Pretraining(vocab=50, emb_sz=8, n_hid=8, n_layers=2, epochs=1, rows=4, bptt=10)
    options = Options(text=tmp_path / "train.txt")
    run = base_model.training(options, how)
    for fresh in (False, True):
        run_all([run], 1, fresh)
        assert "is not run again" not in capsys.readouterr().out
    run.file.unlink()
    run_all([run], 1)
    assert "is not run again" in capsys.readouterr().out


def test_a_model_in_the_package_says_by_what_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_model, "PACKAGE", tmp_path)
    names = ("parameters", "perplexity", "bits_per_byte", "tokens_per_second", "training_seconds")
    recipes = {"forward": base_model.FULL, "backward": base_model.BACKWARD}
    for direction, how in recipes.items():
        config: dict[str, Any] = {"recipe": how.settings()}
        if direction == "backward":
            config |= {"commit": "abc", "made_on": {"hardware": {"processor": "this"}}}
        write_json(tmp_path / direction / "config.json", config)
        write_json(tmp_path / direction / "metrics.json", dict.fromkeys(names, 1))
    found = base_model.run(Options())
    (path, _) = write("base-model", found, Options(), tmp_path / "out")
    written = json.loads(path.read_text())
    assert written["commit"] == ["unknown", "abc"]
    assert written["made_on"] == ["unknown", {"hardware": {"processor": "this"}}]
    assert [run["direction"] for run in written["runs"]] == ["forward", "backward"]


def test_a_model_without_its_rarest_words_scores_the_others_as_before(tmp_path: Path) -> None:
    train, valid = tmp_path / "train.txt", tmp_path / "valid.txt"
    train.write_text("a b a b a c d.\n\n" * 60, encoding="utf-8")
    valid.write_text("a b a b.\n\n" * 30, encoding="utf-8")
    how = Pretraining(vocab=50, emb_sz=8, n_hid=8, n_layers=2, epochs=1, rows=4, bptt=10)
    pretrain(how, corpus(train, valid), tmp_path / "model")
    whole = load_model(tmp_path / "model")
    some = trimmed(whole, len(whole.tokenizer.vocab) - 2)
    assert some.tokenizer.vocab.itos == whole.tokenizer.vocab.itos[:-2]
    known = torch.arange(2, len(some.tokenizer.vocab)).unsqueeze(0)
    assert isinstance(whole.model, LanguageModel)
    assert isinstance(some.model, LanguageModel)
    with torch.no_grad():
        a, b = whole.model(known).hidden, some.model(known).hidden
        assert torch.equal(a, b)
        logits = whole.model.decoder(a)[..., :-2], some.model.decoder(b)
    torch.testing.assert_close(*logits)
