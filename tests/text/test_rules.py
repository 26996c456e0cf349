"""The rules of ULMFiT, one by one, with the values that fastai 1 gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfit.text.rules import (
    MADE,
    REP,
    WREP,
    apply_rules,
    fix_html,
    mark_case,
    replace_rep,
    replace_wrep,
    rm_useless_spaces,
    spec_add_spaces,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Some HTML&nbsp;text<br />", "Some HTML& text\n"),
        ("camp;er", "c&er"),
        ("it#39;s it&#39;s #36;5 quot;x", "it's it&'s $5 'x"),
        ('a\\nb \\"c\\" d\\e', 'a\nb "c" d \\ e'),
        ("10 @,@ 000 and 1 @.@ 5 and a @-@ b", "10,000 and 1.5 and a-b"),
        ("&lt;i&gt; caf&eacute; &#65;&#x42;", "<i> café AB"),
        ("&#0000000065; &#" + "9" * 5000 + "; &#" + "0" * 5000 + "66;", "A \ufffd B"),
        ("a <unk> b", "a xxunk b"),
        ("many    spaces \t  here", "many spaces \t here"),
    ],
)
def test_fix_html(text: str, expected: str) -> None:
    assert fix_html(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("sooo", "sooo"), ("soooo!", f"s {REP} 4 o !"), ("......", f" {REP} 6 . "), ("    ", "    ")],
)
def test_replace_rep_begins_at_four(text: str, expected: str) -> None:
    assert replace_rep(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ah ah ah", "ah ah ah"),
        ("ah ah ah ah!", "ah ah ah ah!"),
        ("ah ah ah ah ", f" {WREP} 4 ah  "),
        ("go, go, go, go, go", f" {WREP} 4 go,  go"),
        ("a-a-a-a-a-b", f" {WREP} 2 a- b"),
        ("ha\nha\nha\nha\n", f" {WREP} 4 ha\n "),
    ],
)
def test_replace_wrep_needs_four_with_the_same_tail(text: str, expected: str) -> None:
    assert replace_wrep(text) == expected


def test_spaces() -> None:
    assert spec_add_spaces("and/or #1\n") == "and / or  # 1 \n "
    assert rm_useless_spaces("a" + " " * 999 + "b \t c") == "a b \t c"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("Hello", ["xxmaj", "hello"]),
        ("USA", ["xxup", "usa"]),
        ("ÉTÉ", ["xxup", "été"]),
        ("I", ["i"]),
        ("McDonald", ["mcdonald"]),
        ("I'M", ["xxup", "i'm"]),
        ("5", ["5"]),
        ("word", ["word"]),
        ("xxbos", ["xxunk"]),
        ("XXUP", ["xxunk"]),
        ("Xxmaj", ["xxunk"]),
        ("xxun\u212a", ["xxunk"]),  # the sign of kelvin, whose lower case is k
    ],
)
def test_mark_case(token: str, expected: list[str]) -> None:
    assert list(mark_case(token)) == expected


@given(st.characters(codec="utf-8"), st.characters(codec="utf-8"))
def test_mark_case_is_fastai_s_two_rules(first: str, second: str) -> None:
    token = first + second
    after_caps = ["xxup", token.lower()] if token.isupper() and len(token) > 1 else [token]
    expected = []
    for part in after_caps:
        if part[0].isupper() and part[1:].islower():
            expected.append("xxmaj")
        expected.append(part.lower())
    assert list(mark_case(token)) == expected


def test_raw_text_cannot_bring_a_disguise() -> None:
    for disguise in MADE:
        entities = "".join(f"&#{ord(character)};" for character in disguise)
        for text in (disguise, f"a {disguise} b", entities):
            assert disguise not in apply_rules(text)
