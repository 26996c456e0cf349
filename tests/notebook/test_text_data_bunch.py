"""The short ways from texts to batches give what the chains give."""

from __future__ import annotations

from pathlib import Path

from steadfit.data.prepare import prepare_tokens
from steadfit.notebook.text_data_bunch import TextClasDataBunch, TextLMDataBunch
from steadfit.notebook.text_list import TextList
from steadfit.text.corpus import Corpus
from tests.notebook.made_up import Frame, sentence, write


def test_the_short_ways_give_what_the_chains_give(path: Path, csv: Path) -> None:
    chained = (
        TextList.from_folder(path)
        .split_by_folder(valid="test")
        .label_from_folder(classes=["neg", "pos"])
        .databunch(bs=4, min_freq=2)
    )
    short = TextClasDataBunch.from_folder(path, valid="test", classes=["neg", "pos"], bs=4)
    assert short.vocab == chained.vocab
    assert short.store.tokens.tolist() == chained.store.tokens.tolist()
    table = TextList.from_csv(csv, "reviews.csv", cols=1).split_by_rand_pct(0.25)
    assert (
        TextLMDataBunch.from_csv(csv, "reviews.csv", valid_pct=0.25, bs=2).vocab
        == table.label_for_lm().databunch(bs=2, min_freq=2).vocab
    )
    clas = TextClasDataBunch.from_csv(csv, "reviews.csv", valid_pct=0.5, bs=2, vocab=short.vocab)
    assert clas.vocab == short.vocab
    assert clas.classes == ("neg", "pos")


def test_three_occurrences_make_a_word_and_two_where_the_short_ways_are_taken(
    tmp_path: Path,
) -> None:
    files = {"train/1.txt": "twice twice thrice thrice thrice", "valid/1.txt": "a b c"}
    write(tmp_path, files)
    chained = TextList.from_folder(tmp_path).split_by_folder().label_for_lm().databunch(bs=1)
    short = TextLMDataBunch.from_folder(tmp_path, bs=1)
    assert "thrice" in chained.vocab.itos
    assert "twice" not in chained.vocab.itos
    assert "twice" in short.vocab.itos


def test_two_frames_become_the_two_sides(path: Path) -> None:
    train = Frame(label=[0, 1, 0], text=[sentence(0), sentence(1), sentence(2)])
    valid = Frame(label=[1], text=[sentence(3)])
    language = TextLMDataBunch.from_df(path, train, valid, bs=2)
    classifier = TextClasDataBunch.from_df(path, train, valid, bs=2)
    store, _ = prepare_tokens(
        Corpus(
            tuple(sentence(number) for number in range(4)),
            split=("train", "train", "train", "valid"),
        ),
        min_freq=2,
    )
    for data in (language, classifier):
        assert data.store.tokens.tolist() == store.tokens.tolist()
        assert data.store.rows("valid").tolist() == [3]
    assert classifier.classes == ("0", "1")
    assert classifier.store.labels is not None
    assert classifier.store.labels.tolist() == [0, 1, 0, 1]
