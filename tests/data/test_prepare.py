"""Preparing a corpus, against counting and encoding it document by document in plain Python."""

from __future__ import annotations

import json
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError, FileFormatError
from steadfit.data import prepare
from steadfit.data.prepare import open_tokens, prepare_tokens
from steadfit.data.token_store import TokenStore
from steadfit.text.corpus import Corpus
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab
from steadfit.text.words import split_words

TEXTS = (
    "A good film, a GOOD film!",
    "a bad film",
    "",
    "good good good good good",
    "unseen unseen unseen unseen",
)
CORPUS = Corpus(
    TEXTS,
    labels=("pos", "neg", "neg", "pos", "neg"),
    split=("train", "train", "valid", "train", "test"),
)


def counted(texts: Sequence[str], max_vocab: int, min_freq: int) -> Vocab:
    counts = Counter(token for text in texts for token in split_words(text))
    return Vocab.from_counts(list(counts), list(counts.values()), max_vocab, min_freq)


def ids(store: TokenStore) -> list[list[int]]:
    return [document.tolist() for document in store]


def stores(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir()]


WORDS = st.sampled_from(["film", "Film", "FILM", "good", "bad", "a", "xxbos", "xxunk", "...", "é"])
ANY_TEXT = st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=10)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(ANY_TEXT, min_size=1, max_size=6),
    st.integers(0, 3),
    st.integers(12, 20),
    st.integers(1, 3),
)
def test_ids_and_vocabulary_are_those_of_the_plain_way(
    texts: list[str], held_out: int, max_vocab: int, min_freq: int
) -> None:
    train = max(len(texts) - held_out, 1)
    split = ("train",) * train + ("valid",) * (len(texts) - train)
    with tempfile.TemporaryDirectory() as cache:
        store, vocab = prepare_tokens(
            Corpus(tuple(texts), split=split), max_vocab=max_vocab, min_freq=min_freq, cache=cache
        )
        assert vocab == counted(texts[:train], max_vocab, min_freq)
        assert ids(store) == [list(vocab.ids(split_words(text))) for text in texts]
        assert store.vocab_size == len(vocab)
        assert store.rows("train").tolist() == list(range(train))
        del store


def test_half_a_surrogate_pair_does_no_harm(tmp_path: Path) -> None:
    store, vocab = prepare_tokens(Corpus(("odd \ud800 odd",)), min_freq=1, cache=tmp_path)
    assert vocab.textify(store[0].tolist()).split()[1] == "odd"
    assert prepare_tokens(Corpus(("odd \ud800 odd",)), min_freq=1, cache=tmp_path)[1] == vocab


def test_words_of_the_other_parts_never_enter_the_vocabulary(tmp_path: Path) -> None:
    _, vocab = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path)
    assert "good" in vocab.stoi
    assert "unseen" not in vocab.stoi


def test_a_given_vocabulary_encodes_as_the_tokenizer_does(tmp_path: Path) -> None:
    vocab = counted(["a bad bad film"], 100, 1)
    store, same = prepare_tokens(CORPUS, vocab=vocab, cache=tmp_path)
    assert same == vocab
    assert ids(store) == [list(Tokenizer(vocab).encode(text)) for text in TEXTS]


def test_labels_become_the_places_of_their_classes(tmp_path: Path) -> None:
    store, _ = prepare_tokens(CORPUS, cache=tmp_path)
    assert store.meta["classes"] == ["neg", "pos"]
    assert store.labels is not None
    assert store.labels.tolist() == [1, 0, 0, 1, 0]
    other, _ = prepare_tokens(CORPUS, classes=["pos", "so-so", "neg"], cache=tmp_path)
    assert other.labels is not None
    assert other.labels.tolist() == [0, 2, 2, 0, 2]
    plain, _ = prepare_tokens(Corpus(TEXTS), cache=tmp_path)
    assert plain.labels is None
    assert plain.meta["classes"] is None


def test_a_store_made_before_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, vocab = prepare_tokens(CORPUS, cache=tmp_path)
    monkeypatch.setattr(prepare, "_build", None)
    second, same = prepare_tokens(CORPUS, cache=tmp_path)
    assert second.folder == first.folder
    assert ids(second) == ids(first)
    assert same == vocab


def test_everything_that_shapes_the_ids_has_a_store_of_its_own(tmp_path: Path) -> None:
    vocab = counted(TEXTS, 100, 1)
    labels, split = CORPUS.labels, CORPUS.split
    given: list[tuple[Corpus, dict[str, Any]]] = [
        (CORPUS, {}),
        (CORPUS, {"max_vocab": 50}),
        (CORPUS, {"min_freq": 2}),
        (CORPUS, {"classes": ["pos", "neg"]}),
        (CORPUS, {"vocab": vocab}),
        (CORPUS, {"vocab": Vocab([*vocab.itos, "more"])}),
        (Corpus(TEXTS, split=split), {}),
        (Corpus(TEXTS, labels=labels), {}),
        (Corpus(TEXTS, labels=labels, split=split[::-1] if split else None), {}),
        (Corpus(TEXTS, labels=labels[::-1] if labels else None, split=split), {}),
        (Corpus(TEXTS[::-1], labels=labels, split=split), {}),
        # The same letters in a row, cut elsewhere.
        (Corpus((TEXTS[0] + "a", TEXTS[1][1:], *TEXTS[2:]), labels=labels, split=split), {}),
    ]
    folders = {prepare_tokens(corpus, **more, cache=tmp_path)[0].folder for corpus, more in given}
    assert len(folders) == len(given)


def test_stores_lie_under_home_when_no_cache_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path))
    store, _ = prepare_tokens(CORPUS)
    assert store.folder.parent == tmp_path / "tokens"
    assert (store.folder / "vocab.json").is_file()


@pytest.mark.parametrize("name", ["tokens.bin", "meta.json", "vocab.json"])
def test_a_damaged_store_is_built_again_with_a_warning(tmp_path: Path, name: str) -> None:
    store, vocab = prepare_tokens(CORPUS, cache=tmp_path)
    expected, folder = ids(store), store.folder
    del store  # Windows does not change a mapped file
    (folder / name).write_bytes((folder / name).read_bytes()[:-2])
    with pytest.warns(UserWarning, match="damaged token store is built again"):
        again, same = prepare_tokens(CORPUS, cache=tmp_path)
    assert ids(again) == expected
    assert same == vocab
    assert stores(tmp_path) == [folder.name]


def test_a_vocabulary_of_another_store_is_refused(tmp_path: Path) -> None:
    store, vocab = prepare_tokens(CORPUS, min_freq=1, cache=tmp_path)
    swapped = [*vocab.itos[:-2], vocab.itos[-1], vocab.itos[-2]]
    (store.folder / "vocab.json").write_text(json.dumps({"itos": swapped}), encoding="utf-8")
    with pytest.raises(FileFormatError, match="not the vocabulary of this token store"):
        open_tokens(store.folder)


class Text(str):
    """A text that can be watched: plain strings have no weak references."""

    __slots__ = ("__weakref__",)


class ForwardTexts(Sequence[str]):
    """Texts made when they are read, in order only, and counted while they live."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.passes = 0
        self.next = 0
        self.alive: weakref.WeakSet[Text] = weakref.WeakSet()
        self.most_alive = 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, row: Any) -> Any:
        if row == self.size:
            raise IndexError
        if row == 0:
            self.passes, self.next = self.passes + 1, 0
        assert row == self.next, "texts are read from first to last"
        self.next += 1
        text = Text(f"document {row} is good")
        self.alive.add(text)
        self.most_alive = max(self.most_alive, len(self.alive))
        return text


def lazy(texts: Sequence[str]) -> Corpus:
    corpus = Corpus(("",) * len(texts))
    object.__setattr__(corpus, "texts", texts)
    return corpus


@pytest.mark.parametrize("given", [False, True])
def test_texts_are_read_twice_in_order_and_let_go(tmp_path: Path, given: bool) -> None:
    texts = ForwardTexts(200)
    vocab = counted(["document is good"], 100, 1) if given else None
    store, _ = prepare_tokens(lazy(texts), vocab=vocab, cache=tmp_path)
    assert len(store) == 200
    assert texts.passes == 2
    assert texts.most_alive <= 3


class ChangingTexts(Sequence[str]):
    """Texts of which one is written to between the first reading and the second."""

    def __init__(self) -> None:
        self.readings = 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, row: Any) -> Any:
        return ["the first", "the second"][row]

    def __iter__(self) -> Iterator[str]:
        self.readings += 1
        yield from ["the first", f"the second, read {self.readings} times"]


def test_texts_that_change_while_they_are_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="changed while they were read"):
        prepare_tokens(lazy(ChangingTexts()), cache=tmp_path)
    assert stores(tmp_path) == []


def test_who_is_overtaken_takes_the_store_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = prepare._build
    firsts: list[TokenStore] = []

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(prepare, "_build", build)
        firsts.append(prepare_tokens(CORPUS, cache=tmp_path)[0])
        build(*args)

    monkeypatch.setattr(prepare, "_build", overtaken)
    store, _ = prepare_tokens(CORPUS, cache=tmp_path)
    (first,) = firsts
    assert ids(store) == ids(first)
    assert stores(tmp_path) == [first.folder.name]
    (first.folder / "tokens.bin").stat()  # the file the first one reads is still in its place


def test_several_at_once_end_with_one_whole_store(tmp_path: Path) -> None:
    gate = threading.Barrier(4)
    found: list[list[list[int]]] = []

    def work() -> None:
        gate.wait()
        found.append(ids(prepare_tokens(CORPUS, cache=tmp_path)[0]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(each == found[0] for each in found)
    assert len(stores(tmp_path)) == 1


@pytest.mark.parametrize(
    ("corpus", "more", "message"),
    [
        (Corpus(()), {}, "no documents"),
        (Corpus(("a",), split=("valid",)), {}, '"train"'),
        (Corpus(("a",)), {"classes": ["x"]}, "no labels"),
        (
            Corpus(("a", "b"), labels=("x", "y")),
            {"classes": ["x"]},
            "1 of 2 documents have labels outside",
        ),
        (Corpus(("a",), labels=("x",)), {"classes": ["x", "x"]}, "named twice"),
        (lazy([b"bytes"]), {}, "Document 0 is bytes"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_be_prepared_is_refused(
    tmp_path: Path, corpus: Corpus, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepare_tokens(corpus, **more, cache=tmp_path)
    assert stores(tmp_path) == []


def test_documents_held_out_alone_can_be_encoded_with_a_given_vocabulary(tmp_path: Path) -> None:
    vocab = counted(["a"], 100, 1)
    store, _ = prepare_tokens(Corpus(("a",), split=("test",)), vocab=vocab, cache=tmp_path)
    assert store.rows("test").tolist() == [0]
