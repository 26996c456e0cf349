"""An explanation for eyes: coloured words in HTML or a terminal, and a table of the top ones."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from steadfit.core.atomic import write_text
from steadfit.report.tables import Column, Value, print_table

if TYPE_CHECKING:  # it is given, not made here
    from rich.text import Text

    from steadfit.inference.explanation import Explanation, Place

TOP = 10
LEVELS = 5
LEAST = 0.0005  # what a table would show as nothing is not in it
PALE = 0.05  # of the largest weight: below it a word has no colour
SHORT = 400  # places; of longer texts a terminal shows the surroundings of the top ones, and a
# page begins with the tables
AROUND = 8  # places on each side

_UNSAFE = re.compile(
    # Control characters but for line feed and tab, halves of surrogate pairs, and the marks that
    # turn the direction of what stands behind them.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SPACE = re.compile(r"\s+")

# Okabe & Ito (2008), told apart by colour-blind readers. Laid over the page's own ground, so that
# letters keep their contrast in light and in dark.
_FOR, _AGAINST = (0, 114, 178), (213, 94, 0)
_STYLE = """:root{color-scheme:light dark}
body{font:1rem/1.7 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}
.text{white-space:pre-wrap;overflow-wrap:anywhere}
.for{text-decoration:underline solid 2px}.against{text-decoration:underline dotted 2px}
table{border-collapse:collapse;margin:1rem 0}
th,td{text-align:left;padding:.15rem .8rem;border-bottom:1px solid #8888}
td a{color:inherit}:target{outline:3px solid}
td.number{text-align:right;font-variant-numeric:tabular-nums}
"""


def render_html(explanation: Explanation, path: str | Path) -> Path:
    """Write a page that needs nothing else, whole or not at all; see `explanation_html`.

    Raises:
        DiskError: it cannot be written.
    """
    write_text(path, explanation_html(explanation))
    return Path(path)


def explanation_html(explanation: Explanation) -> str:
    """Return a page: the text with its words marked, and the tables of the top ones.

    Words for the label are blue and underlined, those against it orange and dotted; each has its
    number as title and as description for screen readers, and the top ones stand in tables, from
    which links lead to their places; before the text, where it is long. The text is another's:
    nothing in it can be more than text, and the page loads and runs nothing.
    """
    label = _escaped(explanation.label)
    places = explanation.places()
    strongest = _strongest(places)
    colours = "".join(
        f".{name}.l{level}{{background:rgba({r},{g},{b},{0.6 * level / LEVELS:.2f})}}\n"
        for name, (r, g, b) in (("for", _FOR), ("against", _AGAINST))
        for level in range(1, LEVELS + 1)
    )
    parts = []
    for piece, place in _pieces(explanation.text, places):
        parts.append(_escaped(piece) if place is None else _marked(piece, place, strongest))
    above, below = _top(explanation, TOP)
    text = f'<p class="text" dir="auto">{"".join(parts)}</p>\n'
    tables = _table(f"Most for {label}", above) + _table(f"Most against {label}", below)
    body = tables + text if len(places) > SHORT else text + tables
    return f"""<!DOCTYPE html>
<html lang="und"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Why {label}</title>
<style>
{_STYLE}{colours}</style></head><body>
<h1>Why {label}</h1>
<p>{_escaped(_sentence(explanation))}</p>
<p><span class="for l3">Underlined, blue</span>: for {label}.
<span class="against l3">Dotted, orange</span>: against it. The stronger, the more it weighs.</p>
{body}</body></html>
"""


def render_terminal(explanation: Explanation, file: TextIO | None = None) -> None:
    """Print the text with its words marked, and the top ones as a table; plain text in a log file.

    Words for the label are on blue and bold, those against it on orange and underlined. Of a long
    text the surroundings of the top words are shown. Control characters of the text do nothing.

    Args:
        explanation: from `steadfit.inference.explain.explain`.
        file: where to; standard output if None.
    """
    file = sys.stdout if file is None else file
    if file.isatty():
        from rich.console import Console

        Console(file=file, highlight=False).print(explanation_text(explanation))
    else:
        encoding = getattr(file, "encoding", None) or "utf-8"
        plain = explanation_text(explanation).plain + "\n"
        file.write(plain.encode(encoding, "replace").decode(encoding))
    columns = [Column("text", "words"), Column("weight", "weight", "+.3f"), Column("says", "says")]
    if rows := top_rows(explanation):
        print_table(rows, columns, file)


def top_rows(explanation: Explanation, count: int = TOP) -> list[dict[str, Value]]:
    """Return the words most for the label and most against it, as rows of `print_table`."""
    above, below = _top(explanation, count)
    return [
        {"text": _short(place), "weight": place.weight, "says": says}
        for says, part in (("for", above), ("against", below))
        for place in part
    ]


def _top(explanation: Explanation, count: int) -> tuple[list[Place], list[Place]]:
    above, below = (
        [place for place in places if abs(place.weight) >= LEAST]
        for places in explanation.top(count)
    )
    return above, below


def explanation_text(explanation: Explanation) -> Text:
    """Return what `render_terminal` prints above the table, as text of `rich`."""
    from rich.text import Text

    places = explanation.places()
    strongest = _strongest(places)
    shown = _near_the_top(places)
    result = Text(_clean(_sentence(explanation)) + "\n\n")
    skipping = False
    number = -1
    for piece, place in _pieces(explanation.text, places):
        number += place is not None
        if number >= 0 and number not in shown:
            if not skipping:
                result.append(" […] ")
            skipping = True
            continue
        skipping = False
        style = "" if place is None else _terminal_style(place.weight, strongest)
        result.append(_clean(piece), style)
    result.append("\n")
    return result


def _pieces(text: str, places: list[Place]) -> Iterator[tuple[str, Place | None]]:
    """Yield the whole text, cut where places begin and end; those without a span are left out."""
    end = 0
    for place in places:
        if place.span is None:
            continue
        if end < place.span[0]:
            yield text[end : place.span[0]], None
        yield text[slice(*place.span)], place
        end = place.span[1]
    if end < len(text):
        yield text[end:], None


def _near_the_top(places: list[Place]) -> set[int]:
    """Return the numbers, among places with a span, of those a terminal shows."""
    weights = [abs(place.weight) for place in places if place.span is not None]
    if len(weights) <= SHORT:
        return set(range(len(weights)))
    top = sorted(range(len(weights)), key=lambda i: -weights[i])[:TOP]
    return {i for middle in top for i in range(middle - AROUND, middle + AROUND + 1)}


def _marked(piece: str, place: Place, strongest: float) -> str:
    level = _level(place.weight, strongest)
    number = f"{place.weight:+.3f}"
    if place.width > 1:
        number += f", a share of {place.width} tokens judged together"
    side = "for" if place.weight > 0 else "against"
    name = f' class="{side} l{level}"' if level else ""
    about = f'title="{number}" aria-description="{number}"'
    return f'<span id="{_anchor(place)}"{name} {about}>{_escaped(piece)}</span>'


def _anchor(place: Place) -> str:
    return "" if place.span is None else f"at{place.span[0]}"


def _table(caption: str, places: list[Place]) -> str:
    if not places:
        return ""
    rows = "".join(
        f'<tr><td dir="auto">{_linked(place)}</td>'
        f'<td class="number">{place.weight:+.3f}</td></tr>\n'
        for place in places
    )
    return (
        f'<table><caption>{caption}</caption><thead><tr><th scope="col">words</th>'
        f'<th scope="col">weight (nats)</th></tr></thead><tbody>\n{rows}</tbody></table>\n'
    )


def _linked(place: Place) -> str:
    words = _escaped(_short(place))
    return words if place.span is None else f'<a href="#{_anchor(place)}">{words}</a>'


def _sentence(explanation: Explanation) -> str:
    end = ""
    if explanation.gap is not None:
        end = f", whose sum is off by {abs(explanation.gap):.3f}"
    return (
        f"{explanation.label}: {explanation.probability:.1%}. Weights by {explanation.method}, in "
        f"nats of the log-odds{end}."
    )


def _strongest(places: list[Place]) -> float:
    return max((abs(place.weight) for place in places if place.span is not None), default=0.0)


def _level(weight: float, strongest: float) -> int:
    """Return how strong a colour is, 0 for none."""
    share = abs(weight) / strongest if strongest else 0.0
    return 0 if share < PALE else max(1, round(share * LEVELS))


def _terminal_style(weight: float, strongest: float) -> str:
    level = _level(weight, strongest)
    if not level:
        return ""
    share = 0.35 + 0.65 * level / LEVELS
    red, green, blue = (round(part * share) for part in (_FOR if weight > 0 else _AGAINST))
    sign = "bold" if weight > 0 else "underline"
    return f"{sign} white on #{red:02x}{green:02x}{blue:02x}"


def _short(place: Place) -> str:
    """Return the words of a place on one line."""
    text = _SPACE.sub(" ", _clean(place.text)).strip() or repr(place.text)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _escaped(text: str) -> str:
    return html.escape(_clean(text))


def _clean(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text)
