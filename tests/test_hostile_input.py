"""Texts as nobody wishes for them: read and made into batches, or refused by an error of ours."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit import (
    Corpus,
    SteadfitError,
    TextList,
    Tokenizer,
    Vocab,
    read_csv,
    read_folder,
    read_jsonl,
    read_lines,
    read_texts,
)
from steadfit.data.buckets import DocumentBatches
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import prepare_tokens
from steadfit.text.vocab import MARKERS, PAD
from steadfit.text.words import split_words

fuzzed = hypothesis.settings(
    max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)

STRANGE = [
    "", " ", "\0", "\ufeff", "\ufeffa", "a\ufeffb", "\ufffe", "\uffff", "\U0010ffff", "\ud800",
    "\udfff\ud800", "שלום עולם", "مرحبا بالعالم", "\u202eabc\u202c", "\u200b\u200c\u200d\u2060",
    "a\u200bb", "e\u0301" * 50, "\u0301", "👨‍👩‍👧‍👦🏳️‍🌈", "𝕳𝖊𝖑𝖑𝖔", "ﷺ", "İıſß", "ǅ",
    "\x1b[31m", "\r", "\r\n",
    "\x85\u2028\u2029\x0b\x0c\x1c", "\u3000\xa0", *MARKERS, "XXBOS", "xxbos xxpad xxunk",
    "ᛪxxrepᛪ", "<unk>", "&#xD800;", "&#0;", "&#1114112;", "&#99999999999999999999;", "&" * 40,
    "<br />" * 9, "\\n\\\\", " @-@ @.@ @,@ ", "'''\"\"\"", "../../etc/passwd", "%s%n{0}{x}$(x)`x`",
    "=1+1", '"', "a,b", "a\tb", "٣٤٥", "½²①", "NaN", "null", "None", "true", "1e999",
]  # fmt: skip
pieces = st.sampled_from(STRANGE) | st.text(max_size=8) | st.characters(categories=None)
strange_texts = st.lists(pieces, max_size=6).map(" ".join) | st.lists(pieces).map("".join)


def prepare_and_read(corpus: Corpus, cache: Path) -> None:
    """Make batches of both kinds and look at every id."""
    store, vocab = prepare_tokens(corpus, min_freq=1, cache=cache)
    rows = range(len(store))
    for batch in LanguageModelStream(store, rows, batch_size=1, bptt=7).epoch(0):
        assert 0 <= int(batch.inputs.min()) <= int(batch.inputs.max()) < len(vocab)
    for documents in DocumentBatches(store, rows, batch_size=2).epoch(0):
        assert (documents.tokens[:, 0] == vocab.stoi["xxbos"]).all()
        for ids, length in zip(documents.tokens, documents.lengths, strict=True):
            assert PAD not in ids[:length]


def made_or_refused(read: Callable[[], Corpus], cache: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            prepare_and_read(read(), cache)
        except SteadfitError as error:
            str(error).encode("utf-8", "backslashreplace")


@fuzzed
@given(contents=st.lists(st.binary(max_size=60) | strange_texts, min_size=1, max_size=4),
       encoding=st.sampled_from(["utf-8", "utf-16", "utf-7", "latin-1", "cp1252"]))  # fmt: skip
def test_folders_of_any_bytes(contents: list[bytes | str], encoding: str, tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").unlink(missing_ok=True)
    for number, content in enumerate(contents):
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (tmp_path / f"{number}.txt").write_bytes(data)
    made_or_refused(lambda: read_folder(tmp_path, encoding=encoding), tmp_path / "cache")


TABLE_PARTS = [*b"abc,;\"'\t\r\n\\ 0{}[]:", 0, 0xFF, 0xC3]
tables = st.lists(st.sampled_from(TABLE_PARTS), max_size=60).map(bytes) | st.binary(max_size=60)


@fuzzed
@given(body=tables, header=st.booleans(), quotes=st.booleans(), head=st.sampled_from(
    [b"text,label\n", b"\xef\xbb\xbftext,label\n", b"text;label\r", b""]))  # fmt: skip
def test_tables_of_any_bytes(
    body: bytes, header: bool, quotes: bool, head: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(head + body)
    text, label = ("text", "label") if header else (0, 1)

    def read() -> Corpus:
        return read_csv(path, text, label, header=header, quotes=quotes)

    made_or_refused(read, tmp_path / "cache")
    made_or_refused(lambda: read_lines(path), tmp_path / "cache")
    made_or_refused(lambda: read_lines(path, paragraphs=True), tmp_path / "cache")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | strange_texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("a"), inner),
    max_leaves=3,
)


@fuzzed
@given(rows=st.lists(st.tuples(strange_texts | values, values), min_size=1, max_size=4),
       cut=st.integers(0, 400), junk=st.binary(max_size=5))  # fmt: skip
def test_json_lines_of_any_values(
    rows: list[tuple[object, object]], cut: int, junk: bytes, tmp_path: Path
) -> None:
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path = tmp_path / "t.jsonl"
    path.write_bytes(("\n".join(lines)).encode()[:cut] + junk)
    made_or_refused(lambda: read_jsonl(path, label="label"), tmp_path / "cache")
    path.write_text("\n".join(lines), encoding="utf-8")
    made_or_refused(lambda: read_jsonl(path, label="label"), tmp_path / "cache")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text":' * 100_000, "9" * 100_000])
def test_json_that_is_deep_or_long_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(line)
    with pytest.raises(SteadfitError, match="line 1"):
        read_jsonl(tmp_path / "t.jsonl")


@fuzzed
@given(texts=st.lists(strange_texts, min_size=1, max_size=4), data=st.data())
def test_texts_and_labels_in_memory(texts: list[str], data: st.DataObject, tmp_path: Path) -> None:
    labels = data.draw(st.none() | st.lists(strange_texts, min_size=len(texts), max_size=4))
    made_or_refused(lambda: read_texts(texts, labels), tmp_path)
    made_or_refused(lambda: Corpus(texts, labels and tuple(labels)), tmp_path)  # halves of pairs


def test_a_folder_with_a_name_that_is_no_text_is_a_place_for_files_but_no_class(
    tmp_path: Path,
) -> None:
    try:
        for name in (b"neg", b"p\xffs"):
            folder = Path(str(tmp_path), name.decode("utf-8", "surrogateescape"))
            folder.mkdir()
            (folder / "1.txt").write_text("a film")
    except OSError:
        pytest.skip("this file system takes no such names")
    prepare_and_read(read_folder(tmp_path), tmp_path / "cache")
    with pytest.raises(SteadfitError, match="surrogate"):
        TextList.from_folder(tmp_path).split_none().label_from_folder()


@fuzzed
@given(text=strange_texts)
def test_words_survive_encoding_and_decoding(text: str) -> None:
    tokens = split_words(text)
    vocab = Vocab([*MARKERS, *sorted(set(tokens) - set(MARKERS))])
    tokenizer = Tokenizer(vocab)
    ids = tokenizer.encode(text)
    assert all(0 <= index < len(vocab) for index in ids)
    assert tokenizer.decode(ids) == " ".join(tokens)


plain_words = st.text(st.sampled_from("abcdefgåéñößжя"), min_size=1, max_size=9)


@given(words=st.lists(plain_words.filter(lambda word: word not in ("cannot", "gonna")), max_size=9))
def test_plain_words_are_kept_but_for_the_markers(words: list[str]) -> None:
    words = [word for place, word in enumerate(words) if word not in words[:place]]
    assert split_words(" ".join(words)) == ["xxbos", *words]
    capitals = split_words(" ".join(word.title() for word in words))
    kept = [token for token in capitals if token not in MARKERS]
    assert [unicodedata.normalize("NFC", token.casefold()) for token in kept] == [
        unicodedata.normalize("NFC", word.casefold()) for word in words
    ]


# In a process of its own, with a limit that quadratic time is far beyond: 10^12 steps.
UNITS = [
    "a",
    "'",
    "…",
    "-",
    "ha",
    "ha ",
    "a'",
    "a-",
    "a.",
    ".",
    "_",
    "\u200b",
    "א",
    "👍🏽",
    "&#",
    "@",
    "a@",
    "/",
]
_TOKENIZE = """
import json, sys
from steadfit.text.words import WordEncoder
for unit, times in json.load(sys.stdin):
    assert WordEncoder(len)(unit * times)
"""


def test_no_pattern_goes_back_over_a_million_characters() -> None:
    work = [(unit, 10**6 // len(unit)) for unit in UNITS[:6]]
    work += [(unit, 200_000 // len(unit)) for unit in UNITS[6:]]
    mixed = random.Random(0).choices(UNITS, k=200_000)
    work.append(("".join(mixed), 1))
    subprocess.run(
        [sys.executable, "-c", _TOKENIZE],
        input=json.dumps(work),
        text=True,
        check=True,
        timeout=120,
    )


def test_files_without_white_space_are_documents(tmp_path: Path) -> None:
    mixed = "".join(random.Random(0).choices("abcdeAB.,-'語…", k=300_000))
    for name, text in (("a", "x" * 10**6), ("b", "語" * 10**6), ("c", mixed)):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    store, _ = prepare_tokens(read_folder(tmp_path), min_freq=1, cache=tmp_path / "cache")
    assert store.lengths.tolist()[:2] == [4, 4]  # xxbos xxrep 1000000 x
    assert 30_000 < store.lengths[2] < 600_000
