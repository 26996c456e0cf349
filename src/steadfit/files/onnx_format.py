"""What stands in a folder of an ONNX graph; reading it needs no torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadfit.core.errors import FileFormatError, MissingExtraError
from steadfit.core.json_files import is_sealed, read_format

FORMAT, FORMAT_VERSION = "steadfit-onnx", 1
GRAPH, CONFIG, TOKENIZER = "model.onnx", "config.json", "tokenizer.json"
ADVICE = "Take another copy of the whole folder, or export it again."
_NEEDED = {"numbers", "multi_label", "backwards", "tokenizer_fingerprint", "graph_sha256"}


def read_onnx_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a folder that `steadfit export --onnx` wrote.

    Raises:
        FileFormatError: it is missing, of something else or of a newer format, or was altered.
    """
    file = folder / CONFIG
    config = read_format(file, FORMAT, FORMAT_VERSION, "an ONNX graph of ours", ADVICE)
    if not is_sealed(config):
        raise FileFormatError(f"{file} was altered: its checksum is another. {ADVICE}")
    classes = config.get("classes")
    known = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not known or not config.keys() >= _NEEDED:
        raise FileFormatError(f"{file} does not say all that a reader needs. {ADVICE}")
    return config


def onnx_card(config: Mapping[str, Any]) -> str:
    """Return the card of the folder, as Markdown: how it is used with and without Steadfit."""
    outputs = "sigmoid" if config["multi_label"] else "softmax"
    order = (
        "from the last token to the first" if config["backwards"] else "in the order of the text"
    )
    states = ", ".join(f"`h_{n}`, `c_{n}` {units}" for n, units in enumerate(config["units"]))
    lines = [
        "# A Steadfit classifier as an ONNX graph",
        "",
        f"Classes: {', '.join(config['classes'])}. Numbers: {config['numbers']}.",
        "",
        "```python",
        "from steadfit.inference.onnx_reader import OnnxReader",
        "",
        'reader = OnnxReader.load("path/to/this/folder")',
        'table = reader.probabilities(["A text to classify."])  # (texts, classes)',
        "```",
        "",
        "## In another runtime",
        "",
        f"`{GRAPH}` reads one window of a batch of documents, {order}; token numbers",
        f"are those of `{TOKENIZER}`. It takes `tokens (rows, steps)` int64 and `lengths (rows,)`",
        "int32: how many steps of a row are real, one or more. Documents start with zeros in all",
        "other inputs, and −inf in `largest`. For the next window, give each output `next_NAME` as",
        "the input `NAME`, and leave out rows that have ended. `logits` are of what was read so",
        f"far; after the last window their {outputs} is the probability of each class.",
        "",
        f"Columns: {states}, `largest` and `total` {config['units'][-1]}; `count (rows,)` is",
        "int64, all others are float32.",
    ]
    return "\n".join(lines) + "\n"


def library(name: str) -> Any:
    """Return a library of the extra `[onnx]`, or a module of one.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX needs the library {name.split('.')[0]}; install it with: "
            "pip install 'steadfit[onnx]'"
        ) from error
