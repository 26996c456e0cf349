"""The card in a model folder, written for the person who will use the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_USE = {
    "classifier": """```python
from steadfit import load_learner

model = load_learner("{folder}")
label, index, probabilities = model.predict("A text to classify.")
```""",
    "multi-label classifier": """```python
from steadfit import load_learner

model = load_learner("{folder}")
(labels,) = model.predict_sets(["A text to classify."], threshold=0.5)
```""",
    "language-model": """```python
from steadfit import load_learner

model = load_learner("{folder}")
print(model.predict("The film", n_words=20))
```""",
    "encoder": '`learn.load_encoder("{folder}")` starts a classifier from it.',
}

_STORED = {
    "float16": "Its weights are stored in float16 and read as float32.",
    "int8": "The matrices of its LSTM are stored in int8, with a scale for each row, all else in "
    "float16; they are read as float32.",
}


_LIMITS = (
    "It knows the kind of texts it was trained on; what it says of others means less. It was not "
    "examined for differences between groups of people; do that before it decides about any."
)
_FOR = {
    "classifier": ["Labelling texts of the kind it was trained on.", _LIMITS],
    "language-model": [
        "Starting classifiers of texts like those it has read, and judging how likely a text is; "
        "not writing texts for people. A classifier must not be judged by texts that it has read.",
        _LIMITS,
    ],
    "encoder": [
        "Starting classifiers of texts like those it has read. None must be judged by those.",
        _LIMITS,
    ],
}


def model_card(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Return the model card as Markdown: what the model is, how to use it, what it reached."""
    sizes = config["model"]
    lines = [
        f"# A Steadfit {config['kind']}",
        "",
        f"{config['architecture']}: {sizes['vocab_size']:,} tokens, embedding {sizes['emb_sz']}, "
        f"{sizes['n_layers']} layers, {sizes['n_hid']} units.",
    ]
    if config.get("backwards"):
        lines += ["", "It reads texts backwards, from the last word to the first."]
    if stored := _STORED.get(config["numbers"]):
        lines += ["", stored]
    if classes := config.get("classes"):
        lines += ["", f"Classes: {', '.join(classes)}."]
    use = config["kind"]
    if config.get("multi_label"):
        use = "multi-label classifier"
        lines += [
            "",
            "A text may have several of them, or none: each has a probability of its own.",
        ]
    lines += ["", "## Use", "", _USE[use].format(folder="path/to/this/folder")]
    if metrics:
        lines += ["", "## Figures", "", "| figure | value |", "|---|---|"]
        lines += [f"| {name} | {_shown(value)} |" for name, value in metrics.items()]
    if "int8" in config:
        lines += ["", _deviation(config["int8"])]
    lines += ["", "## How it was made", "", "| setting | value |", "|---|---|"]
    for name in ("source", "base", "seed", "recipe", "penalties", "data", "versions"):
        if config.get(name) is not None:
            lines.append(f"| {name} | {_shown(config[name])} |")
    lines += ["", "## What it is for, and its limits", "", *_FOR[config["kind"]]]
    lines += [
        "",
        "The folder holds no code: weights are safetensors, everything else is JSON or text.",
    ]
    return "\n".join(lines) + "\n"


def _deviation(int8: Mapping[str, Any] | None) -> str:
    if int8 is None:
        return "How its probabilities differ when it is read in int8 was not measured."
    return (
        f"Read in int8, {int8['same_label']} of {int8['documents']} validation documents get the "
        f"same label; probabilities differ by at most {int8['largest']:.2g}, {int8['mean']:.2g} on "
        "average."
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
