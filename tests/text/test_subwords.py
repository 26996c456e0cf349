"""Subwords: what is lost and what is not, in three languages and in hostile texts."""

from __future__ import annotations

from typing import Any

import pytest
import tokenizers
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from steadfit.core.errors import DataError
from steadfit.text.pieces import SPACE, Pieces
from steadfit.text.rules import fix_html
from steadfit.text.subword_rules import items_of
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import BOS, MARKERS, UNK
from tests.text.passages import LANGUAGES, passage, trained


@pytest.fixture
def tokenizer() -> SubwordTokenizer:
    return trained("english")


def normal(text: str) -> str:
    """Return a text without markers' names as the docstring says that it comes back."""
    lines = (" ".join(line.split()) for line in fix_html(" " + text).split("\n"))
    return "\n".join(filter(None, lines))


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.vocab.itos[index] for index in tokenizer.encode(text)]


@pytest.mark.parametrize("read_by", LANGUAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_of_any_language_comes_back_whole(language: str, read_by: str) -> None:
    text = passage(language)
    ids = trained(read_by).encode(text)
    assert ids[0] == BOS
    assert UNK not in ids
    assert trained(read_by).decode(ids) == normal(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pieces_are_fewer_than_bytes(language: str) -> None:
    text = passage(language)
    assert len(trained(language).encode(text)) < 0.55 * len(text.encode())


def test_the_rules_of_ulmfit_are_before_the_pieces(tokenizer: SubwordTokenizer) -> None:
    assert tokens(tokenizer, "Alice was VERY&nbsp;very")[:5] == [
        *("xxbos", "xxmaj", "▁alice", "▁was", "xxup")
    ]
    assert list(items_of("LOVED!!!!x")) == [6, " loved", 7, "4", " !", "x"]
    assert tokens(tokenizer, "her her her her her")[1:] == ["xxwrep", *tokens_of(5), "▁her"]


def tokens_of(number: int) -> list[str]:
    return tokens(trained("english"), str(number))[1:]


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("aAbBßİŉǅéΣς'’.-!?&#;<>\\/@ \n\t\r\x1c\u2028\u200d▁🎥中\u0301\ud83d4"),
        st.characters(codec=None),
    ),
    max_size=60,
)
PATCHES = st.lists(
    st.one_of(HOSTILE, st.sampled_from(["aaaa", "NO ", "no ", "Don't", "&amp;#39;", "xx", "  "])),
    max_size=12,
).map("".join)


@settings(max_examples=300, deadline=None)
@example("no no no no. No NO no no no no no")
@example("1111122222 4444 aaaaB!!!!!!!! aaaaaaaaaaaaaaaaaaa")
@example("a\n\n b \n")
@example("▁▁▁▁ ▁ _▁")
@example("🎥" * 10_003 + "x " * 2_500)
@example("İSTANBUL ŉ ǅ ΣΊΣΥΦΟΣ A I'M O'Neil's rock'N'ROLL")
@example("\ud83d\ude00 \udc80\ud83d")
@example("A" * 600 + "b'c" * 300)
@given(PATCHES)
def test_nothing_but_white_space_is_lost(text: str) -> None:
    assume(not any(marker in fix_html(text).lower() for marker in MARKERS))
    tokenizer = trained("english")
    assert tokenizer.decode(tokenizer.encode(text)) == normal(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*MARKERS, *map(str.upper, MARKERS), "▁", "\n", " ", "(", "a", "4"]))
)
def test_text_cannot_bring_in_markers(parts: list[str]) -> None:
    """Of the ids of markers there are only xxbos, xxunk, and those of rules that apply."""
    text = "".join(parts).replace("aaaa", "a").replace("4444", "4")
    tokenizer = trained("english")
    ids = tokenizer.encode(text)
    assert ids.count(BOS) == 1
    allowed = {"xxbos", "xxunk", "xxmaj", "xxup", "xxrep", "xxwrep"}
    assert {MARKERS[index] for index in ids if index < len(MARKERS)} <= allowed
    if not any(part.isupper() for part in parts) and not repeats(text):
        assert {index for index in ids if index < len(MARKERS)} <= {BOS, UNK}


def repeats(text: str) -> bool:
    words = text.split()
    return any(len({*words[i : i + 4]}) == 1 for i in range(len(words) - 3)) or any(
        c * 4 in text for c in text
    )


@pytest.mark.parametrize("marker", MARKERS)
def test_a_word_that_equals_a_marker_becomes_unknown(marker: str) -> None:
    tokenizer = trained("english")
    for text in (marker, marker.upper(), f"({marker})", f"her {marker}."):
        ids = tokenizer.encode(text)
        assert [index for index in ids if index < len(MARKERS)] == [BOS, UNK]
        assert tokenizer.decode(ids) == text.lower().replace(marker, "xxunk")


@settings(max_examples=100, deadline=None)
@given(PATCHES.map(lambda text: text + " one two three four five " + text), st.data())
def test_blocks_give_what_the_whole_text_gives(text: str, data: st.DataObject) -> None:
    tokenizer = trained("english")
    cut = data.draw(st.integers(0, len(text)))
    parts = tokenizer.encode_blocks([text[:cut], text[cut:], ""])
    assert [index for part in parts for index in part] == tokenizer.encode(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_library_cuts_words_into_the_same_pieces(language: str) -> None:
    ours = trained(language)
    vocab = ours.vocab
    assert isinstance(vocab, Pieces)
    scored = [("<unk>", 0.0), *zip(vocab.pieces, vocab.scores, strict=True)]
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram(scored, unk_id=0))
    known = set("".join(vocab.pieces)) | {" "}
    words = 0
    for chunk in {*passage(language).split(), *passage(language).lower().split()}:
        for part in items_of(chunk):
            if isinstance(part, str) and known.issuperset(part):
                found = [vocab.itos[index] for index in ours._segment(part)]
                assert found == theirs.encode(part.replace(" ", SPACE)).tokens
                words += 1
    assert words > 100


def test_unknown_characters_are_their_bytes(tokenizer: SubwordTokenizer) -> None:
    assert tokens(tokenizer, "🎥")[-4:] == [f"<0x{byte:02X}>" for byte in "🎥".encode()]


def test_bytes_of_no_character_are_read(tokenizer: SubwordTokenizer) -> None:
    first = tokenizer.vocab.id("<0xF0>")
    assert tokenizer.decode([first, tokenizer.vocab.id("\n"), first]) == "\ufffd\n\ufffd"


def test_any_ids_have_a_text(tokenizer: SubwordTokenizer) -> None:
    size = len(tokenizer.vocab)
    for step in range(1, 60):
        assert isinstance(tokenizer.decode(index * step % size for index in range(200)), str)


def test_a_text_goes_on_behind_another(tokenizer: SubwordTokenizer) -> None:
    start, *ids = tokenizer.encode("was late")
    assert tokenizer.decode(ids) == " was late"
    assert tokenizer.decode([start, *ids]) == "was late"


@pytest.mark.parametrize("text", [None, b"bytes", 1.5])
def test_what_is_not_a_string_is_refused(tokenizer: SubwordTokenizer, text: Any) -> None:
    with pytest.raises(DataError, match=f"not {type(text).__name__}"):
        tokenizer.encode(text)
    with pytest.raises(DataError, match=f"Document 1 is {type(text).__name__}"):
        SubwordTokenizer.train(["a text", text])
