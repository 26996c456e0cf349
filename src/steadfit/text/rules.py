"""The rules of ULMFiT: what fastai 1 does to a text before it is split and to the tokens after.

Written to be read. `steadfit.text.words` takes short cuts around them and is tested against them.

Two things differ from fastai, both on purpose: a raw word that equals a marker becomes `xxunk`,
and a document that begins with `@.@ ` keeps its `xxbos`.
"""

from __future__ import annotations

import html
import re

from steadfit.text.fields import FIELD, FieldText
from steadfit.text.vocab import MARKERS

# Markers that the rules put into the string travel in disguise: a word (as the repetition rule
# looks for words), all lower case, and taken out of raw text by `fix_html`. So a disguise that is
# seen after the rules was made by them.
REP, WREP, FLD = "ᛪxxrepᛪ", "ᛪxxwrepᛪ", "ᛪxxfldᛪ"
MADE = {REP: "xxrep", WREP: "xxwrep", FLD: FIELD}

_MARKER_SET = frozenset(MARKERS)
_REPLACEMENTS = (
    ("#39;", "'"),
    ("amp;", "&"),
    ("#146;", "'"),
    ("nbsp;", " "),
    ("#36;", "$"),
    ("\\n", "\n"),
    ("quot;", "'"),
    ("<br />", "\n"),
    ('\\"', '"'),
    ("<unk>", "xxunk"),
    (" @.@ ", "."),
    (" @-@ ", "-"),
    (" @,@ ", ","),
    ("\\", " \\ "),
)
_REPEATED_CHARACTER = re.compile(r"(\S)(\1{3,})")
_REPEATED_WORD = re.compile(r"(\b\w+\W+)(\1{3,})")
_LEADING_ZEROS = re.compile(r"&#0+(?=[0-9])")
_BEYOND_UNICODE = re.compile(r"&#[0-9]{8,};?")


def apply_rules(text: str) -> str:
    """Return the string that is split into words: a space, then `text` after every rule.

    The space stands where fastai has `xxbos `; whoever splits the string puts the token there.
    """
    text = fix_text(text)
    text = replace_rep(text)
    text = replace_wrep(text)
    text = spec_add_spaces(text)
    return rm_useless_spaces(text)


def fix_text(text: str) -> str:
    """Return a space, then `text` after `fix_html`; markers of fields are put in disguise.

    They are so after the disguises in the fields' own texts were taken out.
    """
    if not isinstance(text, FieldText):
        return fix_html(" " + text)
    parts = map(fix_html, text.between_markers())
    return rm_useless_spaces(" " + f" {FLD} ".join(parts))


def fix_html(text: str) -> str:
    """Undo the remains of HTML and of tokenized corpora, one replacement after another.

    `amp;` inside any word becomes `&`, and `&nbsp;` leaves its ampersand: so it is in fastai.
    """
    if ";" in text or "\\" in text or "@" in text:
        for old, new in _REPLACEMENTS:
            text = text.replace(old, new)
    else:  # most texts; only these two replacements need none of the three characters
        text = text.replace("<br />", "\n").replace("<unk>", "xxunk")
    if "&#" in text:
        # html.unescape turns the digits into a number: quadratic time, and an error from 4,301
        # digits on. Code points of more than seven digits do not exist.
        text = _LEADING_ZEROS.sub("&#", text)
        text = _BEYOND_UNICODE.sub("\ufffd", text)
    text = rm_useless_spaces(html.unescape(text))
    for disguise in MADE:
        text = text.replace(disguise, "xxunk")
    return text


def replace_rep(text: str) -> str:
    """Write four or more of the same character as `xxrep`, their number and the character."""
    return _REPEATED_CHARACTER.sub(lambda m: f" {REP} {len(m[2]) + 1} {m[1]} ", text)


def replace_wrep(text: str) -> str:
    """Write four or more of the same word and what follows it as `xxwrep`, number and word."""
    return _REPEATED_WORD.sub(lambda m: f" {WREP} {len(m[2].split()) + 1} {m[1]} ", text)


def spec_add_spaces(text: str) -> str:
    """Put spaces around each slash, hash sign and line feed."""
    return text.replace("/", " / ").replace("#", " # ").replace("\n", " \n ")


def rm_useless_spaces(text: str) -> str:
    """Make one space of several; other white space stays."""
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def mark_case(token: str) -> tuple[str, ...]:
    """Return `token` in lower case, after `xxup` if it was in capitals, `xxmaj` if capitalized.

    A token that equals a marker is `xxunk`: only rules make markers.
    """
    if token.islower() and token not in _MARKER_SET:  # most tokens
        return (token,)
    lower = token.lower()
    if lower in _MARKER_SET:
        return ("xxunk",)
    if token.isupper() and len(token) > 1:
        return ("xxup", lower)
    if token[0].isupper() and token[1:].islower():
        return ("xxmaj", lower)
    return (lower,)
