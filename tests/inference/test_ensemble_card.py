"""The card says which part of a classifier predicts."""

from __future__ import annotations

from typing import Any

import pytest

from steadfit.inference.ensemble_card import ensemble_card

CONFIG: dict[str, Any] = {
    "details": {},
    "decision": {"classes": ["neg", "pos"], "abstain_below": 0.0},
    "networks": ["forward"],
    "linear": "NBSVM",
    "weight": 0.25,
    "scale": 0.5,
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "25% of the network's and 75% of those of NBSVM"),
        (
            {"weight": 0.0},
            "it added nothing to NBSVM, a linear model on words, which predicts alone",
        ),
        ({"weight": 1.0, "linear": None}, "No linear model is mixed in."),
    ],
)
def test_what_predicts_is_named(changed: dict[str, Any], said: str) -> None:
    config = {**CONFIG, **changed}
    card = ensemble_card(config)
    assert said in card
    # A temperature is told where it is of use.
    assert ("logits times 0.5" in card) == (config["weight"] > 0)


def test_texts_it_went_on_with_are_told_in_turn() -> None:
    twice = [{"documents": 8, "held_out": 0}, {"documents": 40, "held_out": 4}]
    card = ensemble_card({**CONFIG, "details": {"continued": twice}})
    assert "| 1 | documents 8, held_out 0 |" in card
    assert "| 2 | documents 40, held_out 4 |" in card
    assert "says nothing of these weights" in card
    assert "says nothing of these weights" not in ensemble_card(CONFIG)
