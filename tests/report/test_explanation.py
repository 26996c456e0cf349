"""What a reader sees of an explanation, and what a hostile text cannot do there."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from steadfit.inference.explanation import Explanation
from steadfit.report.explanation import (
    explanation_html,
    explanation_text,
    render_html,
    render_terminal,
    top_rows,
)


def made(text: str, *weights: float, label: str = "pos", width: int = 1) -> Explanation:
    """Explain each word of a text by a weight."""
    spans, place = [], 0
    for word in text.split(" "):
        spans.append((place, place + len(word)))
        place += len(word) + 1
    return Explanation(
        text, label, 0.75, "occlusion", tuple(text.split(" ")), tuple(spans), weights,
        (width,) * len(weights),
    )  # fmt: skip


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Page(HTMLParser):
    """Collects the tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_each_word_has_its_side_and_its_number() -> None:
    page = Page(explanation_html(made("good not film", 2.0, -1.0, 0.01)))
    spans = [attrs for tag, attrs in page.tags if tag == "span" and "title" in attrs]
    assert [attrs.get("class") for attrs in spans] == ["for l5", "against l2", None]
    assert [attrs["title"] for attrs in spans] == ["+2.000", "-1.000", "+0.010"]
    assert [attrs["aria-description"] for attrs in spans] == ["+2.000", "-1.000", "+0.010"]
    assert "good not film" in page.text
    assert "color-scheme:light dark" in page.text


def test_a_hostile_text_stays_text() -> None:
    evil = '<script>alert(1)</script> "onload=x" </title>\'&\x1b[31m \u202eevil\ud800'
    for label in ("pos", evil):
        source = explanation_html(made(evil, 1.0, -1.0, 0.5, 0.2, label=label))
        page = Page(source)
        assert {tag for tag, _ in page.tags} <= {
            "html", "head", "meta", "title", "style", "body", "h1", "p", "span", "table",
            "caption", "thead", "tbody", "tr", "th", "td", "a",
        }  # fmt: skip
        links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
        assert all(link and link.startswith("#at") for link in links)  # to places of this page
        assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert "<script>alert(1)</script>" in page.text
        assert not {"\x1b", "\u202e", "\ud800"} & set(source)
        assert "http" not in source.replace("http-equiv", "")  # nothing is loaded


def test_a_page_is_written_whole_for_any_text(tmp_path: Path) -> None:
    path = render_html(made("é 🎥\ud800", 1.0, -1.0), tmp_path / "why.html")
    assert path.read_text(encoding="utf-8") == explanation_html(made("é 🎥\ud800", 1.0, -1.0))
    assert "é" in path.read_text(encoding="utf-8")


def test_a_share_of_a_window_is_said_to_be_one() -> None:
    page = explanation_html(made("a b", 0.5, 0.5, width=2))
    assert 'title="+0.500, a share of 2 tokens judged together"' in page


def test_tokens_of_one_place_are_one_word() -> None:
    found = Explanation(
        "LOVED it", "pos", 0.9, "integrated-gradients", ("xxbos", "xxup", "loved", "it"),
        (None, (0, 5), (0, 5), (6, 8)), (0.1, 0.5, 1.0, -0.25), (1, 1, 1, 1), gap=-0.004,
    )  # fmt: skip
    assert top_rows(found) == [
        {"text": "LOVED", "weight": 1.5, "says": "for"},
        {"text": "xxbos", "weight": 0.1, "says": "for"},
        {"text": "it", "weight": -0.25, "says": "against"},
    ]
    text = explanation_text(found)
    assert text.plain.endswith("LOVED it\n")
    assert "off by 0.004" in text.plain


def test_what_would_be_shown_as_nothing_is_in_no_table() -> None:
    found = made("good film plot", 1.0, 4e-4, -1e-16)
    assert [row["text"] for row in top_rows(found)] == ["good"]
    assert "<td" in explanation_html(found)
    assert "Most against" not in explanation_html(found)


def test_a_terminal_shows_sides_without_colour_too() -> None:
    text = explanation_text(made("good bad film", 2.0, -2.0, 0.0))
    words = {text.plain[s.start : s.end]: str(s.style) for s in text.spans}
    assert words.keys() == {"good", "bad"}
    assert "bold" in words["good"]
    assert "underline" in words["bad"]


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_printing_shows_text_and_table_and_no_control_of_strangers(kind: type) -> None:
    file = kind()
    render_terminal(made("good [red]x \x1b[2J\ud800", 2.0, -1.0, 0.5), file)
    shown = file.getvalue()
    assert "[red]x" in shown
    assert "\x1b[2J" not in shown
    assert "+2.000" in shown
    assert "-1.000" in shown


def test_of_a_long_text_the_surroundings_of_the_top_words_are_printed() -> None:
    weights = [0.0] * 5000
    weights[2500] = 1.0
    text = " ".join(f"w{i}" for i in range(5000))
    plain = explanation_text(made(text, *weights)).plain
    assert "w2500" in plain
    assert "[…]" in plain
    assert "w4000" not in plain
    assert len(plain) < 2_000


@pytest.mark.parametrize("length", [3, 1_000])
def test_links_lead_from_the_tables_to_the_words_and_tables_of_a_long_text_come_first(
    length: int,
) -> None:
    weights = [0.0] * length
    weights[length - 1], weights[1] = 1.0, -1.0
    source = explanation_html(made(" ".join(f"w{i}" for i in range(length)), *weights))
    page = Page(source)
    assert (source.index("<table>") < source.index('<p class="text"')) is (length > 400)
    word_at = dict(re.findall(r'<span id="(at\d+)"[^>]*>([^<]*)<', source))
    linked = [word_at[(attrs["href"] or "")[1:]] for tag, attrs in page.tags if tag == "a"]
    assert linked == [f"w{length - 1}", "w1"]


def test_an_empty_text_is_shown() -> None:
    found = Explanation("", "pos", 0.5, "occlusion", ("xxbos",), (None,), (0.0,), (1,))
    assert "50.0%" in explanation_html(found)
    file = io.StringIO()
    render_terminal(found, file)
    assert "50.0%" in file.getvalue()
