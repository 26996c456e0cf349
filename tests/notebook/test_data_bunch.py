"""DataBunch: saved and loaded as it was, nothing pickled, batches shown as harmless text."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import sealed
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.notebook import data_bunch, show
from steadfit.notebook.data_bunch import DataBunch, load_data
from steadfit.notebook.show import html_table, show_table
from steadfit.notebook.text_list import TextList

TEXTS = [f"the film {n} was good and <b>the play</b> was bad " * (1 + n % 3) for n in range(12)]


def language_model(path: Path, **settings: Any) -> DataBunch:
    texts = TextList.from_texts(TEXTS, path).split_by_idx([3, 7]).label_for_lm()
    return texts.databunch(**{"bs": 3, "bptt": 5, **settings})


def classifier(path: Path, **settings: Any) -> DataBunch:
    texts = TextList.from_texts(TEXTS, path).split_by_idx([3, 7])
    labelled = texts.label_from_list(["neg", "pos"] * 6, classes=["pos", "neg"])
    return labelled.databunch(**{"bs": 4, **settings})


def batches(data: DataBunch) -> list[list[Any]]:
    valid = data.valid_batches()
    assert valid is not None
    return [
        [None if column is None else column.tolist() for column in batch]
        for cut, epoch in ((data.train_batches(), 1), (valid, 0))
        for batch in cut.epoch(epoch)
    ]


@pytest.fixture(params=[language_model, classifier])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("linked", [False, True])
def test_what_was_saved_is_loaded_with_equal_batches_and_all_settings(
    tmp_path: Path, make: Any, backwards: bool, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not linked:

        def no_links(*_: object) -> None:
            raise OSError("no links on this disk")

        monkeypatch.setattr(data_bunch.os, "link", no_links)
    data = make(tmp_path, backwards=backwards, seed=5, val_bs=2)
    data.save("data")
    loaded = load_data(tmp_path, "data")
    for name in ("kind", "classes", "path", "bs", "val_bs", "bptt", "backwards", "seed", "vocab"):
        assert getattr(loaded, name) == getattr(data, name), name
    assert batches(loaded) == batches(data)


def test_loaded_data_outlives_the_cache(tmp_path: Path, make: Any) -> None:
    data = make(tmp_path)
    data.save()
    before = batches(data)
    shutil.rmtree(data.store.folder)
    assert batches(load_data(tmp_path)) == before


def test_backwards_reads_documents_from_their_ends(tmp_path: Path) -> None:
    forwards = next(iter(classifier(tmp_path).train_batches().epoch(0)))
    backwards = next(iter(classifier(tmp_path, backwards=True).train_batches().epoch(0)))
    assert forwards.rows.tolist() == backwards.rows.tolist()
    for row, length in enumerate(forwards.lengths.tolist()):
        ids = forwards.tokens[row, :length].tolist()
        assert backwards.tokens[row, :length].tolist() == ids[::-1]


def test_settings_given_when_loading_replace_the_saved_ones(tmp_path: Path) -> None:
    language_model(tmp_path, val_bs=2).save("data")
    loaded = load_data(tmp_path, "data", bs=4, bptt=7, backwards=True)
    assert (loaded.bs, loaded.val_bs, loaded.bptt, loaded.backwards) == (4, 4, 7, True)
    assert load_data(tmp_path, "data", bs=4, val_bs=1).val_bs == 1
    with pytest.raises(DataError, match="bs=10000 for the 'train' documents: batch_size 10000"):
        load_data(tmp_path, "data", bs=10_000)


def test_drawn_windows_are_for_training_and_are_saved_where_they_are_used(tmp_path: Path) -> None:
    plain = language_model(tmp_path, bptt=12)
    plain.save("plain")
    drawn = language_model(tmp_path, bptt=12, bptt_jitter=True)
    drawn.save("drawn")
    keys = [json.loads((tmp_path / n / "settings.json").read_text()) for n in ("plain", "drawn")]
    assert keys[1].keys() - keys[0].keys() == {"bptt_jitter"}, "data of before stay readable"
    for data, jitter in (
        (load_data(tmp_path, "drawn"), True),
        (load_data(tmp_path, "plain"), False),
        (load_data(tmp_path, "plain", bptt_jitter=True), True),
        (load_data(tmp_path, "drawn", bptt_jitter=False), False),
    ):
        assert data.bptt_jitter is jitter
        assert batches(data) == batches(drawn if jitter else plain)
        valid = data.valid_batches()
        assert isinstance(valid, LanguageModelStream)
        assert not valid.bptt_jitter
    assert batches(drawn) != batches(plain)


def test_a_classifier_has_no_windows_to_draw(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bptt_jitter is True: a classifier reads whole documents"):
        classifier(tmp_path, bptt_jitter=True)


def test_the_pickle_spelling_writes_a_folder_and_says_so(
    tmp_path: Path, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make(tmp_path)
    data.save("data_lm.pkl")
    assert f"nothing is pickled: wrote the folder {tmp_path / 'data_lm'}" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data_lm"]
    assert batches(load_data(tmp_path, "data_lm.pkl")) == batches(load_data(tmp_path, "data_lm"))
    data.save("data_lm")
    assert capsys.readouterr().out == ""


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("the pickle was opened",))


@pytest.mark.parametrize("name", ["data_lm.pkl", "data_lm"])
def test_a_pickle_of_that_name_is_refused_and_never_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FileFormatError, match="was not opened: a pickle can run any code"):
        load_data(tmp_path, name)


def test_the_folder_is_found_beside_an_old_pickle(tmp_path: Path) -> None:
    (tmp_path / "data_lm.pkl").write_bytes(pickle.dumps(Bomb()))
    language_model(tmp_path).save("data_lm.pkl")
    assert load_data(tmp_path, "data_lm.pkl").kind == "language-model"


def test_missing_data_is_answered_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"saved data in .*: none"):
        load_data(tmp_path, "data_lm.pkl")
    language_model(tmp_path).save("here")
    with pytest.raises(DataError, match=r"saved data in .*: here\. data.save\('data_lm.pkl'\)"):
        load_data(tmp_path, "data_lm.pkl")


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "1.txt").write_text("mine")
    with pytest.raises(DataError, match="something else than saved data"):
        language_model(tmp_path).save("train")
    with pytest.raises(FileFormatError, match="is not saved data"):
        load_data(tmp_path, "train")
    assert (tmp_path / "train" / "1.txt").read_text() == "mine"


def test_saving_again_replaces_what_was_saved_even_what_is_being_read(
    tmp_path: Path, make: Any
) -> None:
    make(tmp_path).save("data")
    loaded = load_data(tmp_path, "data")
    before = batches(loaded)
    loaded.save("data")
    assert batches(loaded) == batches(load_data(tmp_path, "data")) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "does not describe saved data"),
        ({"version": 99}, "version 99"),
        ({"surprise": 1}, "surprise"),
        ({"kind": "classifier"}, "does not fit the documents"),
        ({"bs": "many"}, "does not fit the documents"),
    ],
)
def test_damaged_settings_are_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    language_model(tmp_path).save("data")
    path = tmp_path / "data" / "settings.json"
    path.write_text(json.dumps(sealed(json.loads(path.read_text()) | change)))
    with pytest.raises(FileFormatError, match=says):
        load_data(tmp_path, "data")


def test_a_vocabulary_of_other_data_is_refused(tmp_path: Path) -> None:
    language_model(tmp_path).save("data")
    language_model(tmp_path, max_vocab=12).save("other")
    shutil.copy(tmp_path / "other" / "vocab.json", tmp_path / "data" / "vocab.json")
    with pytest.raises(FileFormatError, match="not the vocabulary"):
        load_data(tmp_path, "data")


def test_a_language_model_shows_the_first_tokens_of_each_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = language_model(tmp_path, bptt=90, bs=2)
    assert data.show_batch(rows=5) is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "idx\ttext"
    first = next(iter(data.train_batches().epoch(0)))[0][:, :70].tolist()
    assert lines[1:] == [f"{row}\t{data.vocab.textify(ids)}" for row, ids in enumerate(first)]


def test_a_classifier_shows_texts_without_padding_and_their_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = classifier(tmp_path, bs=10)
    data.show_batch(rows=10)
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["text", "target"]
    assert len(lines) == 11
    assert not any("xxpad" in text for text, _ in lines[1:])
    assert {target for _, target in lines[1:]} == {"neg", "pos"}
    for text, target in lines[1:]:
        number = next((int(word) for word in text.split() if word.isdigit()), None)
        if number is not None:
            assert target == ("pos" if number % 2 else "neg")


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_in_a_text_stays_text() -> None:
    evil = "<script>alert('x')</script>\"&amp;<img src=x onerror=y>"
    page = Tags(html_table(("text", "<i>target"), [(evil, "<b>pos")]))
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.text == f"text<i>target{evil}<b>pos"


def test_in_jupyter_the_table_is_html(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    vars(ipython).update(get_ipython=lambda: SimpleNamespace(kernel=object()))
    vars(display).update(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    classifier(tmp_path, min_freq=1).show_batch(rows=2)
    assert capsys.readouterr().out == ""
    page = Tags(shown[0])
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert "< b > the play" in page.text


def test_a_shell_without_a_kernel_is_no_jupyter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ipython = ModuleType("IPython")
    vars(ipython).update(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    show_table(("text",), [("plain",)])
    assert capsys.readouterr().out == "text\nplain\n"


def test_control_characters_and_markup_reach_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    show_table(("text",), [("a\x1b[2Jb\n\u202e[red]c[/red] é",)])
    out = capsys.readouterr().out
    assert r"a\x1b[2Jb\n\u202e[red]c[/red] é" in out
    assert "\x1b[2J" not in out


def test_a_data_bunch_says_what_is_in_it(tmp_path: Path) -> None:
    data = classifier(tmp_path)
    tokens = int(data.store.lengths.sum())
    assert repr(data).startswith("DataBunch(classifier; train 10 documents, ")
    assert f"{int(data.store.lengths[[3, 7]].sum())} tokens; 2 classes: pos, neg" in repr(data)
    assert tokens == sum(int(part) for part in _numbers_before(repr(data), " tokens"))
    assert "bptt=5" in repr(language_model(tmp_path))
    assert "backwards" in repr(language_model(tmp_path, backwards=True))


def _numbers_before(text: str, word: str) -> list[str]:
    return [part.split()[-1].replace(",", "") for part in text.split(word)[:-1]]


def test_a_kind_or_a_store_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    data = language_model(tmp_path)
    with pytest.raises(DataError, match="kind='regression'"):
        DataBunch("regression", data.store, data.vocab, (), tmp_path)
    with pytest.raises(DataError, match="needs labels and classes"):
        DataBunch("classifier", data.store, data.vocab, ("a", "b"), tmp_path)
