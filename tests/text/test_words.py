"""fastai 1's words: golden values, the short cuts against the plain way, markers, hostile text.

golden_words.json was made once by spaCy 3.8's blank English tokenizer with fastai 1's rules around
it, on sentences written for it and on random compounds of exceptions, marks and words.
"""

from __future__ import annotations

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from steadfit.text import words
from steadfit.text.vocab import MARKERS
from steadfit.text.words import WordEncoder, split_words, split_words_reference

GOLDEN = json.loads(Path(__file__).with_name("golden_words.json").read_text("utf-8"))

SPACES = [" ", " ", " ", "  ", "\n", "\t", "\u2028", "<br />"]
MARKS = [".", ",", "!", "-", "/", "#", "&", ";", "'s", ":)", "☺", "@", "\\", " - ", " / ", " \n - "]
WORDS = ["a", "b", "ha", "Ha", "HA", "4", "don't", "U.S.", "é", "x.org", "ha ha ", "ha, ", "a-a-"]
REPEATED = ["aaaa", "!!!!", "////", "----"]
FOR_HTML = [" @.@ ", "&amp;", "&#120;", "&#39;", "<unk>", "ᛪxxrepᛪ", "ᛪ"]
FRAGMENTS = [*SPACES, *MARKS, *WORDS, *REPEATED, *FOR_HTML]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=16).map("".join)
# A few pieces, many times: what the rules of repetition are about.
REPEATS = st.tuples(
    TEXTS, st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4), st.integers(3, 5), TEXTS
).map(lambda parts: parts[0] + "".join(parts[1]) * parts[2] + parts[3])


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_tokens_are_those_of_fastai_1(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
    assert split_words_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("École ÉTÉ", "xxmaj école xxup été"),
        ('(Hello) "World"', '( xxmaj hello ) " xxmaj world "'),
        ("USA-based", "xxup usa - based"),
        ("McDonald", "mcdonald"),
        ("I'M SHOUTING", "xxup i'm xxup shouting"),
        ("aaa", "aaa"),
        ("ah ah ah", "ah ah ah"),
        ("ah ah ah ah!", "ah ah ah ah !"),
        ("10 @,@ 000", "10,000"),
        ("great...wow", "great ... wow"),
        ("a<br /><br />b", "a \n \n  b"),
        ("xxmaj injected XXUP", "xxunk injected xxunk"),
        ("(xxbos) Xxpad! xxrep, 'xxwrep'", "( xxunk ) xxunk ! xxunk , ' xxunk '"),
        ("&#120;xbos", "xxunk"),
        ("@.@ first", ".first"),
    ],
)
def test_tokens_of_the_specification(text: str, expected: str) -> None:
    assert " ".join(split_words(text)) == "xxbos " + expected


@pytest.mark.parametrize("text", ["", " ", "     "])
def test_nothing_is_xxbos_alone(text: str) -> None:
    assert split_words(text) == ["xxbos"]


@settings(max_examples=300)
@given(st.one_of(TEXTS, REPEATS))
@example("!!!!4 ! 4 ! 4 ! 4")
@example("aaaa-a -a -a -a -")
@example("a a a abbbb")
@example("aaaab.")
@example("ha - / ha - / ha - / ha - / ")
@example("ha\n\nha\n\nha\n\nha\n\n\nx")
@example("- ha - ha - ha - ha -")
@example("( ha ( ha ( ha ( ha (")
@example("ha-ha-ha-ha-ha")
@example("well\x85 yes\x85\x85but \x85 so")
@example("well\x85 \x85yes")
@example("well\x85\nyes \n\tso\x85")
@example("hmmmm\x85 well!!!!\x85 ha\x85 ha\x85 ha\x85 ha\x85 so")
@example('"EEEEK". eeeek-eeeek,')
def test_short_cuts_change_nothing(text: str) -> None:
    assert split_words(text) == split_words_reference(text)


@given(st.text())
def test_short_cuts_change_nothing_in_any_characters(text: str) -> None:
    assert split_words(text) == split_words_reference(text)


@given(st.lists(REPEATS, max_size=4))
def test_a_full_memo_starts_anew_and_changes_nothing(texts: list[str]) -> None:
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    small = WordEncoder(ids.__getitem__, memo_size=2)
    large = WordEncoder(ids.__getitem__)
    for text in texts:
        tokens = [ids[token] for token in split_words_reference(text)]
        assert small(text) == tokens
        assert large(text) == tokens
        assert large(text) == tokens


MARKER_FRAGMENTS = [*MARKERS, "XXUP", "Xxbos", "xXrEp", "xx", "bos", "maj", "un\u212a"]
LIKE_MARKERS = {marker.replace("x", "q") for marker in MARKERS}
AS_Q = str.maketrans("xX", "qQ")


def test_a_number_of_repetitions_is_no_repetition() -> None:
    text = "4444 //// " + "a" * 4444
    assert split_words(text)[1:] == ["xxrep", "4", "4", "xxrep", "4", "/", "xxrep", "4444", "a"]
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    encoder = WordEncoder(ids.__getitem__)
    encoder("4444")
    assert encoder(text) == [ids[token] for token in split_words_reference(text)]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS + 2 * MARKER_FRAGMENTS), max_size=14).map("".join))
def test_only_rules_make_markers(text: str) -> None:
    text = text.replace("ᛪ", "").replace("<unk>", "")
    # With q for each x, raw text holds no marker, so that every one in the tokens is the rules'.
    expected: list[str] = []
    for token in split_words(text.translate(AS_Q).replace("&#120;", "&#113;")):
        if token in LIKE_MARKERS:
            if expected[-1] in ("xxmaj", "xxup"):
                expected.pop()
            token = "xxunk"
        expected.append(token if token in MARKERS else token.replace("q", "x"))
    assert split_words(text) == expected


@given(st.lists(st.sampled_from(FRAGMENTS + MARKER_FRAGMENTS), max_size=14).map("".join))
def test_no_document_holds_the_marker_of_a_beginning_or_of_padding(text: str) -> None:
    first, *others = split_words(text)
    assert first == "xxbos"
    assert not {"xxbos", "xxpad", "xxeos", "xxfld"}.intersection(others)
    assert not any("ᛪxx" in token for token in others)


@given(st.lists(st.sampled_from(["xxmaj", "xxup", "xxrep", "xxbos", "word"]), max_size=9))
def test_raw_markers_are_xxunk_and_words_stay(words: list[str]) -> None:
    text = "; ".join(words)
    expected = [token for word in words for token in (word if word == "word" else "xxunk", ";")]
    assert split_words(text) == ["xxbos", *expected[:-1]]


def test_threads_share_an_encoder() -> None:
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    encoder = WordEncoder(ids.__getitem__, memo_size=50)
    texts = [text for text, _ in GOLDEN] * 3
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(encoder, texts))
    tokens = list(ids)
    assert [[tokens[index] for index in result] for result in results] == [
        expected for _, expected in GOLDEN
    ] * 3
    assert sorted(ids.values()) == list(range(len(ids)))


HOSTILE = ["a", "1", "!", ".", "…", "@", "!?", "a.", "ab.", "é.", "a!", "a@", "a.b@", "☺a", "5m"]
HOSTILE += [":-", "x:", "('", "'s", "don't", "a-", "-a-b", "http://", "://", "&#", "&#1"]
HOSTILE += [" ", "\t", "\n", " \n"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    # 60,000 characters: anything quadratic would take minutes.
    text = unit * (60_000 // len(unit))
    encoder = WordEncoder(len)
    assert encoder(text)[0] == len("xxbos")
    assert encoder("b" + text + "c 1")[-1] == 1


@settings(max_examples=300)
@given(st.one_of(TEXTS, REPEATS), st.integers(1, 12), st.integers(1, 4))
def test_a_long_text_read_in_parts_has_the_tokens_of_the_plain_way(
    text: str, part: int, run: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_PART", part)
        patch.setattr(words, "_WORDLESS_RUN", run)
        patch.setattr(words, "_WORDLESS", b"\1" * run)
        patch.setattr(words, "_OVERLAP", 4 * (run + 1))
        assert split_words(text) == split_words_reference(text)


def test_a_repetition_across_the_seam_of_two_parts_is_seen() -> None:
    unit = "ha " + "- " * (words._WORDLESS_RUN - 1)
    for shift in range(0, 4 * len(unit), 7):
        text = "x y " * ((words._PART - shift) // 4) + unit * 4 + "y z " * 50
        tokens = split_words(text)
        assert "xxwrep" in tokens
        assert tokens == split_words_reference(text)


def test_pieces_of_a_long_text_that_are_all_different_do_not_grow_the_memo() -> None:
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    encode = WordEncoder(ids.__getitem__, memo_size=1000)
    text = " ".join(f"w{number}" for number in range(60_000))
    encode(text)
    assert len(encode._memo) < 20_000
