"""What moved a decision: a weight for each token of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from steadfit.core.checks import whole_number
from steadfit.text.spans import Span


class Place(NamedTuple):
    """A part of the text that one or several tokens stand for.

    Attributes:
        text: as its writer wrote it; the name of the token where it stands for no character.
        span: characters of the text.
        weight: sum over its tokens.
        width: so many tokens were judged together; each has an equal share of what they weigh.
    """

    text: str
    span: Span | None
    weight: float
    width: int


@dataclass(frozen=True)
class Explanation:
    """Which tokens speak for a label, which against it, and how much.

    Weights are in nats of the label's log-odds, log p / (1 − p): a token of weight 1 makes the odds
    2.7 times what they would be without it.

    Attributes:
        text: that was read.
        label: that is explained.
        probability: of the label, read in float32.
        method: `integrated-gradients` or `occlusion`.
        tokens: as the model reads them.
        spans: of each token, in characters of `text`; None for what stands for no character.
        weights: of each token; above zero it speaks for the label.
        widths: how many tokens were judged together with each; one if it was judged alone.
        gap: by how much the weights' sum misses the log-odds' difference between the text and one
            without words, in nats; None where weights need not add up, as in occlusion.
    """

    text: str
    label: str
    probability: float
    method: str
    tokens: tuple[str, ...]
    spans: tuple[Span | None, ...]
    weights: tuple[float, ...]
    widths: tuple[int, ...]
    gap: float | None = None

    def places(self) -> list[Place]:
        """Return the tokens in the order of the text, those of one place as one."""
        places: list[Place] = []
        parts = zip(self.tokens, self.spans, self.weights, self.widths, strict=True)
        for token, span, weight, width in parts:
            last = places[-1] if places else None
            if span is not None and last is not None and last.span and span[0] < last.span[1]:
                span = last.span[0], max(span[1], last.span[1])
                weight, width = weight + last.weight, max(width, last.width)
                places.pop()
            text = token if span is None else self.text[slice(*span)]
            places.append(Place(text, span, weight, width))
        return places

    def top(self, count: int = 10) -> tuple[list[Place], list[Place]]:
        """Return the places that speak most for the label, and those most against it.

        Raises:
            DataError: `count` is no whole number from 0.
        """
        whole_number("count", count)
        ordered = sorted(self.places(), key=lambda place: -place.weight)
        return (
            [place for place in ordered[:count] if place.weight > 0],
            [place for place in ordered[::-1][:count] if place.weight < 0],
        )
