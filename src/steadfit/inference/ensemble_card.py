"""The card of a classifier of the recipe, written for the person who will use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_USE = """```python
from steadfit import TextClassifier

model = TextClassifier.from_pretrained("path/to/this/folder")
model.predict(["A text to classify."])
```

or `steadfit predict path/to/this/folder new.csv --out scored.csv`."""

_FOR = """Labelling texts of the kind it was trained on, to sort or count them, or to put them in
order for people who read them. It is not meant to decide anything about a person by itself."""

_LIMITS = """It labels texts like those it was trained on. Texts of another kind, time or language
get probabilities all the same, and they mean less: try it on labelled texts of that kind first. It
was not examined for differences between groups of people; do that before it decides about any."""


_LANGUAGE_MODEL = [
    "The texts it learned from without their labels, but for those held out, and those without "
    "labels; none of a test file. A pretrained model it began with has read others, which that "
    "model's own card names.",
    "",
]
_CONTINUED = [
    "All layers learned from these, one time after another, from the weights as they were. What "
    "was reached before is left out below: it says nothing of these weights.",
    "",
]
_HELD_OUT = [
    "NBSVM (linear) and the commonest class (majority) stand beside it. Temperature, mixture and "
    "thresholds were fitted on the same texts.",
    "",
]
_SECTIONS: tuple[tuple[str, str, list[str]], ...] = (
    ("Texts it learned from", "data", []),
    ("Files", "files", []),
    ("Texts it went on with", "continued", _CONTINUED),
    ("What it reached on texts held out", "figures", _HELD_OUT),
    ("What it reached on a test file", "test", []),
    ("What its language model has read", "language_model", _LANGUAGE_MODEL),
    ("What it is made of", "network", []),
    ("How it was made", "recipe", []),
)


def ensemble_card(config: Mapping[str, Any]) -> str:
    """Return the card as Markdown, from what stands in the folder's configuration.

    Of its `details` those are shown that `_SECTIONS` names.
    """
    details = config["details"]
    names = config["decision"]["classes"]
    lines = ["# A text classifier", "", f"Classes: {', '.join(names)}.", "", "## Use", "", _USE]
    lines += ["", "## What it is for", "", _FOR]
    lines += ["", "## What it is", "", f"- {_networks(config)}", f"- {_mixture(config)}"]
    if config["weight"]:
        lines.append(
            f"- The network's probabilities are tempered: logits times {config['scale']:.3g}."
        )
    if config["decision"]["abstain_below"]:
        least = config["decision"]["abstain_below"]
        lines.append(f"- A text whose largest probability is below {least:g} gets no label.")
    for title, name, said in _SECTIONS:
        if details.get(name):
            lines += ["", f"## {title}", "", *said, *_table(details[name])]
    lines += ["", "## Limits", "", _LIMITS, ""]
    lines.append("The folder holds no code: weights are safetensors, everything else is text.")
    return "\n".join(lines) + "\n"


def _networks(config: Mapping[str, Any]) -> str:
    ways = {"forward": "forwards", "backward": "backwards"}
    read = " and another ".join(ways[name] for name in config["networks"])
    return f"A recurrent network (AWD-LSTM) reads each text {read}, whole, whatever its length."


def _mixture(config: Mapping[str, Any]) -> str:
    weight = config["weight"]
    if config["linear"] is None:
        return "No linear model is mixed in."
    if not weight:
        return (
            f"It is not listened to: on texts held out it added nothing to {config['linear']}, a "
            "linear model on words, which predicts alone."
        )
    return (
        f"Its probabilities are {weight:.0%} of the network's and {1 - weight:.0%} of those of "
        f"{config['linear']}, a linear model on words."
    )


def _table(values: Mapping[str, Any] | Sequence[Any]) -> list[str]:
    """Return a table of what has names, or of what is told in turn, numbered."""
    named = values.items() if isinstance(values, Mapping) else enumerate(values, 1)
    lines = ["| | |", "|---|---|"]
    return lines + [f"| {str(name).replace('_', ' ')} | {_shown(one)} |" for name, one in named]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
