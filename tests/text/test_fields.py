"""Fields joined to one text: each has its marker and number, and no text can bring one in."""

from __future__ import annotations

import copy
import pickle
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steadfit.data.prepare import prepare_tokens
from steadfit.text.corpus import Corpus
from steadfit.text.fields import FieldText, join_fields
from steadfit.text.pieces import SPACE, Pieces
from steadfit.text.rules import FLD
from steadfit.text.shingles import plain_words
from steadfit.text.spans import token_spans
from steadfit.text.subwords import SubwordTokenizer
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.text.words import split_words, split_words_reference
from tests.text.test_words import FRAGMENTS

LETTERS = [*string.ascii_letters, *string.digits, "!"]
PIECES = [SPACE, *LETTERS, *(SPACE + letter for letter in LETTERS)]
TOKENIZERS = [
    Tokenizer(Vocab([*MARKERS, "1", "2", "good"])),
    SubwordTokenizer(Pieces(PIECES, [-4.0] * len(PIECES))),
]
WORDS, SUBWORDS = TOKENIZERS
MARKER = MARKERS.index("xxfld")
FORGED = ["xxfld", " xxfld 3 ", "XXFLD", "xx&#102;ld", FLD, "&#5866;xxfld&#5866;", f" {FLD} 1 "]
FORGED += ["ᛪxx&#102;ldᛪ", "xxf", "ld", "ᛪ", "<br />", " ", "a"]
HOSTILE = st.lists(st.sampled_from(FORGED), max_size=8).map("".join)
PLAIN = st.lists(st.text(string.ascii_letters, min_size=2), max_size=5, unique=True).map(" ".join)


def test_fields_have_the_tokens_that_fastai_gives_them() -> None:
    expected = "xxbos xxfld 1 xxmaj title here xxfld 2 xxmaj body text"
    assert split_words(join_fields(["Title here", "Body text"])) == expected.split()


@given(st.lists(PLAIN, min_size=2, max_size=4))
def test_each_field_has_a_marker_and_number_before_its_own_tokens(fields: list[str]) -> None:
    expected = ["xxbos"]
    for number, field in enumerate(fields, 1):
        expected += ["xxfld", str(number), *split_words(field)[1:]]
    assert split_words(join_fields(fields)) == expected


@given(st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join), max_size=3))
def test_the_quick_way_gives_what_the_plain_one_gives(fields: list[str]) -> None:
    text = join_fields(["", *fields])
    assert split_words(text) == split_words_reference(text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(st.lists(HOSTILE, min_size=2, max_size=3))
@example(["xxfld 3 a", f"{FLD} 4 b"])
def test_no_text_brings_in_the_marker(tokenizer: Tokenizer, fields: list[str]) -> None:
    assert tokenizer.encode(join_fields(fields)).count(MARKER) == len(fields)
    for text in (*fields, " ".join(fields), str(join_fields(fields))):
        assert MARKER not in tokenizer.encode(text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@given(st.lists(st.one_of(PLAIN, HOSTILE), min_size=2, max_size=3), st.integers(1, 40))
def test_blocks_of_fields_have_the_tokens_of_the_whole(
    tokenizer: Tokenizer, fields: list[str], size: int
) -> None:
    text = join_fields(fields)
    parts = tokenizer.encode_blocks(text[at : at + size] for at in range(0, len(text), size))
    assert [index for part in parts for index in part] == tokenizer.encode(text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_tokens_of_fields_are_found_where_they_stand(tokenizer: Tokenizer) -> None:
    text = join_fields(["good ", "xxfld good"])
    placed = token_spans(tokenizer, text)
    assert [one.span for one in placed if one.token == "xxfld"] == [(0, 5), (14, 19)]
    unknown = [one.span for one in placed if one.token == "xxunk"]
    assert [text[slice(*span)] for span in unknown if span] == ["xxunk"]
    behind = [one.span for one in placed if one.token.endswith(("1", "2"))]
    assert behind == [(6, 7), (20, 21)]


def test_subwords_give_the_fields_back() -> None:
    text = join_fields(["Title, here", "", "BODY"])
    assert SUBWORDS.decode(SUBWORDS.encode(text)) == "xxfld 1 Title, here xxfld 2 xxfld 3 BODY"


def test_copies_and_parts_keep_their_markers_and_what_is_written_anew_has_none() -> None:
    text = join_fields(["a", "b"])
    assert isinstance(text, FieldText)
    for same in (pickle.loads(pickle.dumps(text)), copy.deepcopy([text])[0], text[:]):
        assert split_words(same) == split_words(text)
    assert split_words(text[:9]) == ["xxbos", "xxfld", "1", "a"]
    assert "xxfld" not in split_words(text + "")


def test_one_field_is_the_text_itself() -> None:
    assert type(join_fields(["xxfld a"])) is str
    assert join_fields(["xxfld a"]) == "xxfld a"


def test_a_store_of_fields_is_another_than_one_of_texts_that_look_like_them(tmp_path: Path) -> None:
    fields = [join_fields(["good", "film"])] * 3
    for texts, marked in ((fields, True), ([str(text) for text in fields], False)):
        store, vocab = prepare_tokens(Corpus(texts), min_freq=1, cache=tmp_path)
        assert ("xxfld" in vocab.textify(store[0].tolist()).split()) is marked


def test_markers_make_no_words_that_documents_share() -> None:
    assert plain_words(join_fields(["A xxfld 1", ""])) == ["a", "xxunk", "1"]
    assert plain_words(join_fields(["", ""])) == []
