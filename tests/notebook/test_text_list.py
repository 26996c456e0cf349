"""TextList: the notebook's chains, what each step adds, and what it says when one is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from steadfit.core.errors import DataError, NotYetError
from steadfit.notebook.data_bunch import load_data
from steadfit.notebook.text_list import TextList
from tests.notebook.made_up import FILES, Frame, sentence, write


def test_the_chains_of_the_notebook_verbatim(path: Path) -> None:
    bs = 4
    # fmt: off
    data_lm = (TextList.from_folder(path)
           #Inputs: all the text files in path
            .filter_by_folder(include=['train', 'test', 'unsup'])
           #We may have other temp folders that contain text files so we only keep ...
            .split_by_rand_pct(0.1)
           #We randomly split and keep 10% (10,000 reviews) for validation
            .label_for_lm()
           #We want to do a language model so we label accordingly
            .databunch(bs=bs))
    data_lm.save('data_lm.pkl')
    data_lm = load_data(path, 'data_lm.pkl', bs=bs)
    data_clas = (TextList.from_folder(path, vocab=data_lm.vocab)
             #grab all the text files in path
             .split_by_folder(valid='test')
             #split by train and valid folder (that only keeps 'train' and 'test' ...)
             .label_from_folder(classes=['neg', 'pos'])
             #label them all with their folders
             .databunch(bs=bs))
    data_clas.save('data_clas.pkl')
    data_clas = load_data(path, 'data_clas.pkl', bs=bs)
    # fmt: on
    assert (data_lm.kind, data_clas.kind) == ("language-model", "classifier")
    assert len(data_lm.store) == 20  # not those in tmp
    assert len(data_lm.store.rows("valid")) == 2
    assert len(data_clas.store) == 16  # neither those in tmp nor in unsup
    assert data_clas.store.labels is not None
    assert data_clas.store.labels.sum() == 8
    assert data_clas.classes == ("neg", "pos")
    assert data_clas.vocab == data_lm.vocab
    assert data_clas.path == path


def test_each_step_leaves_what_it_was_called_on_as_it_was(path: Path) -> None:
    texts = TextList.from_folder(path)
    split = texts.split_by_folder(valid="test")
    labelled = split.label_from_folder()
    assert (len(texts), texts.corpus.split, texts.kind) == (24, None, None)
    assert (len(split), split.corpus.labels, split.kind) == (16, None, None)
    assert labelled.kind == "classifier"
    with pytest.raises(FrozenInstanceError):
        texts.kind = "classifier"  # type: ignore[misc]


def test_the_vocabulary_is_counted_over_training_documents_alone(tmp_path: Path) -> None:
    files = {"train/1.txt": "apple apple apple", "valid/1.txt": "pear pear pear pear"}
    texts = TextList.from_folder(write(tmp_path, files)).split_by_folder()
    itos = texts.label_for_lm().databunch(bs=1).vocab.itos
    assert "apple" in itos
    assert "pear" not in itos


def test_the_order_of_classes_gives_their_indices(path: Path) -> None:
    texts = TextList.from_folder(path).split_by_folder(valid="test")
    straight = texts.label_from_folder(classes=["neg", "pos"]).databunch(bs=4).store
    turned = texts.label_from_folder(classes=["pos", "neg"]).databunch(bs=4).store
    assert straight.labels is not None
    assert turned.labels is not None
    assert (straight.labels == 1 - turned.labels).all()


def test_neither_split_nor_vocabulary_depends_on_the_order_files_were_made_in(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "one", FILES)
    two = write(tmp_path / "two", dict(reversed(FILES.items())))
    made = [
        TextList.from_folder(folder).split_by_rand_pct(0.25).label_for_lm().databunch(bs=2)
        for folder in (one, two)
    ]
    assert made[0].vocab == made[1].vocab
    assert made[0].store.rows("valid").tolist() == made[1].store.rows("valid").tolist()
    assert made[0].store.tokens.tolist() == made[1].store.tokens.tolist()


def test_a_seed_draws_the_same_documents_and_another_seed_others(path: Path) -> None:
    texts = TextList.from_folder(path)
    drawn = [texts.split_by_rand_pct(0.25, seed=seed).corpus.split for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_table_gives_texts_labels_and_split_by_name_or_number(csv: Path) -> None:
    texts = TextList.from_csv(csv, "reviews.csv", cols=1)
    assert texts.corpus.texts[3] == sentence(3)
    for labelled in (texts.label_from_df(0), texts.label_from_col("label")):
        assert labelled.corpus.labels == ("neg", "pos") * 4
    for split in (texts.split_by_col(), texts.split_from_df()):
        assert split.corpus.split == ("train",) * 6 + ("valid",) * 2
    data = texts.split_by_col().label_from_df("label").databunch(bs=2)
    assert data.classes == ("neg", "pos")


def test_columns_that_are_not_named_are_fastais_text_label_and_side(tmp_path: Path) -> None:
    rows = "".join(f"{sentence(n)},{['neg', 'pos'][n % 2]},{n >= 6}\n" for n in range(8))
    write(tmp_path, {"reviews.csv": f"text,label,is_valid\n{rows}"})
    found = TextList.from_csv(tmp_path, "reviews.csv").split_from_df().label_from_df().corpus
    assert found.texts == tuple(map(sentence, range(8)))
    assert found.labels == ("neg", "pos") * 4
    assert found.split == ("train",) * 6 + ("valid",) * 2


def test_rows_of_one_group_stay_on_one_side(csv: Path) -> None:
    texts = TextList.from_csv(csv, "reviews.csv", cols="text", group="film")
    split = texts.split_by_rand_pct(0.25).corpus.split
    assert split is not None
    assert split[::2] == split[1::2]
    assert split.count("valid") == 2


def test_a_frame_and_a_list_give_what_the_table_gives(csv: Path) -> None:
    from_csv = TextList.from_csv(csv, "reviews.csv", cols=1).split_by_col().label_from_df(0)
    texts, labels = list(from_csv.corpus.texts), list(from_csv.corpus.labels or ())
    frame = Frame(label=labels, text=texts, is_valid=[n >= 6 for n in range(8)])
    from_df = TextList.from_df(frame, cols=1).split_by_col().label_from_df(0)
    from_texts = TextList.from_texts(texts).split_by_idx([6, 7]).label_from_list(labels)
    for other in (from_df, from_texts):
        assert other.corpus.texts == from_csv.corpus.texts
        assert other.corpus.labels == from_csv.corpus.labels
        assert other.corpus.split == from_csv.corpus.split


def test_a_table_that_changed_in_between_is_refused(csv: Path) -> None:
    texts = TextList.from_csv(csv, "reviews.csv")
    write(csv, {"reviews.csv": "label,text\nneg,something else\n"})
    with pytest.raises(DataError, match="changed after it was read"):
        texts.label_from_df()


def test_split_none_trains_on_everything(path: Path) -> None:
    data = TextList.from_folder(path).split_none().label_for_lm().databunch(bs=2)
    assert len(data.store.rows("train")) == len(FILES)
    assert data.valid_batches() is None


@pytest.mark.filterwarnings("ignore:.*are left out")
def test_a_label_given_before_turns_no_language_model_into_a_classifier(path: Path) -> None:
    texts = TextList.from_folder(path).split_none().label_from_folder(classes=["neg", "pos"])
    data = texts.label_for_lm().databunch(bs=2)
    assert (data.kind, data.classes, data.store.labels) == ("language-model", (), None)


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        (lambda t: t.databunch(), r"before a split: add \.split_by_rand_pct"),
        (lambda t: t.split_none().databunch(), r"before labels: add \.label_for_lm"),
        (lambda t: t.split_by_col("is_valid"), "not read from a table"),
        (lambda t: t.label_from_df(cols=0), "not read from a table"),
        (lambda t: t.split_by_rand_pct(0.1, seed=None), "seed is None"),
        (lambda t: t.split_by_rand_pct(0), "numbers between 0 and 1"),
        (lambda t: t.split_by_folder(valid="dev"), "no document in folder 'dev'"),
        (lambda t: t.filter_by_folder(include=["dev"]), "no document in folder 'dev'"),
        (lambda t: t.label_from_folder(classes=["good"]), "no document in a folder named 'good'"),
        (
            lambda t: t.split_none().label_for_lm().databunch(bs=10_000),
            "bs=10000 for the 'train'.*is more",
        ),
        (
            lambda t: t.split_by_rand_pct(0.1).label_for_lm().databunch(bs=4, val_bs=10_000),
            "val_bs=10000 for the 'valid' documents: .*is more",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_call_to_add(
    path: Path, chain: Callable[[TextList], object], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        chain(TextList.from_folder(path))


@pytest.mark.parametrize(
    ("labels", "classes", "says"),
    [
        (["a", "b", "c"], None, "class 'c' has no training document"),
        (["a", "b", "a"], ["a", "b", "c"], "class 'c' has no training document"),
        (["a", "b", "c"], ["a", "b"], "1 of 3 documents have labels outside"),
        (["a", "a", "a"], None, "at least two"),
        (["a", "b", "a"], "a", "at least two"),
        (["a", "b"], None, "3 texts but 2 labels"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    labels: list[str], classes: list[str] | None, says: str
) -> None:
    texts = TextList.from_texts(["one", "two", "three"]).split_by_idx([2])
    with pytest.raises(DataError, match=says):
        texts.label_from_list(labels, classes=classes).databunch(bs=2)


def test_a_column_that_tells_no_side_is_refused(csv: Path) -> None:
    with pytest.raises(DataError, match=r"column 'film', row 0: 'film0'"):
        TextList.from_csv(csv, "reviews.csv").split_by_col("film")


def test_several_text_columns_are_refused(csv: Path) -> None:
    assert len(TextList.from_csv(csv, "reviews.csv", cols=["text"])) == 8
    with pytest.raises(NotYetError, match="one column"):
        TextList.from_csv(csv, "reviews.csv", cols=["text", "film"])


def test_a_vocabulary_must_be_one(path: Path) -> None:
    with pytest.raises(DataError, match="vocab is a list"):
        TextList.from_folder(path, vocab=["xxunk"])  # type: ignore[arg-type]


def test_num_workers_is_accepted_and_said_to_do_nothing(path: Path) -> None:
    texts = TextList.from_folder(path).split_none().label_for_lm()
    with pytest.warns(UserWarning, match="num_workers has no effect"):
        texts.databunch(bs=2, num_workers=4)
    with pytest.raises(TypeError, match="device"):
        texts.databunch(bs=2, device="cuda")  # type: ignore[call-arg]


def test_folders_left_out_of_the_classes_are_counted_in_a_warning(path: Path) -> None:
    with pytest.warns(UserWarning, match="4 of 24 documents"):
        labelled = TextList.from_folder(path).label_from_folder(classes=["neg", "pos"])
    assert len(labelled) == 20


def test_a_text_list_says_what_it_knows(path: Path) -> None:
    texts = TextList.from_folder(path).split_by_folder(valid="test").label_for_lm()
    assert "16 documents" in repr(texts)
    assert "language-model" in repr(texts)


def test_texts_may_be_gone_once_they_are_tokenized(path: Path) -> None:
    data = TextList.from_folder(path).split_none().label_for_lm().databunch(bs=2)
    shutil.rmtree(path / "train")
    assert len(list(data.train_batches().epoch(0))) == len(data.train_batches())


def test_a_home_folder_may_be_abbreviated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(path.parent))
    monkeypatch.setenv("USERPROFILE", str(path.parent))
    data = TextList.from_folder("~/imdb").split_none().label_for_lm().databunch(bs=2)
    data.save("data_lm")
    assert (path / "data_lm").is_dir()
    assert load_data("~/imdb", "data_lm").path == path
