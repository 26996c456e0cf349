"""Tokens as fastai 1 made them with spaCy, and how far others agree with them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence


def fastai1_tokenizer() -> Callable[[str], list[str]]:
    """Return fastai 1's tokenizer: its rules, in its order, around spaCy's English splitting."""
    import html
    import re

    import spacy  # type: ignore[import-not-found, unused-ignore]

    split = spacy.blank("en").tokenizer
    html_remains = [
        *[("#39;", "'"), ("amp;", "&"), ("#146;", "'"), ("nbsp;", " "), ("#36;", "$")],
        *[("\\n", "\n"), ("quot;", "'"), ("<br />", "\n"), ('\\"', '"'), ("<unk>", "xxunk")],
        *[(" @.@ ", "."), (" @-@ ", "-"), (" @,@ ", ","), ("\\", " \\ ")],
    ]
    alike = re.compile(r"(\S)(\1{3,})")
    words_alike = re.compile(r"(\b\w+\W+)(\1{3,})")
    spaced, spaces = re.compile(r"([/#\n])"), re.compile(" {2,}")

    def tokenize(text: str) -> list[str]:
        text = "xxbos " + text
        for old, new in html_remains:
            text = text.replace(old, new)
        text = spaces.sub(" ", html.unescape(text))
        text = alike.sub(lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)
        text = words_alike.sub(lambda m: f" xxwrep {len(m[2].split()) + 1} {m[1]} ", text)
        text = spaces.sub(" ", spaced.sub(r" \1 ", text))
        tokens = []
        for word in split(text):
            token = word.text
            if token.isupper() and len(token) > 1:
                tokens.append("xxup")
            elif token[0].isupper() and token[1:].islower():
                tokens.append("xxmaj")
            tokens.append(token.lower())
        return tokens

    return tokenize


def agreement(ours: Sequence[Sequence[str]], peers: Sequence[Sequence[str]]) -> float:
    """Return 1 - edits / tokens; an edit is a token inserted, left out or replaced."""
    edits = tokens = 0
    for a, b in zip(ours, peers, strict=True):
        tokens += len(b)
        if a != b:
            steps = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
            edits += sum(max(i - h, k - j) for step, h, i, j, k in steps if step != "equal")
    return 1 - edits / tokens
