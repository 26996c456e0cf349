"""fastText's side of accuracy: learns reviews from a file, then labels others."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fasttext

from benchmarks._worker import Gate

_PREFIX = "__label__"
_MARKS = re.compile(r"([.!?,:;'\"/()])")


def classify(gate: Gate, settings: dict[str, Any]) -> None:
    """Train on the first order's texts and labels, label the texts of those that follow."""
    orders = iter(gate)
    order = next(orders)
    texts = json.loads(Path(order["texts"]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        began, processor = time.perf_counter(), time.process_time()
        file = Path(folder) / "reviews.txt"
        lines = (f"{_PREFIX}{a} {b}\n" for a, b in zip(order["labels"], _cut(texts), strict=True))
        file.write_text("".join(lines), encoding="utf-8")
        model = fasttext.train_supervised(input=str(file), verbose=0, **order["settings"])
        seconds = time.perf_counter() - began
        processor_seconds = time.process_time() - processor
        kept = Path(folder) / "model.bin"
        model.save_model(str(kept))
        size = kept.stat().st_size / 1e6
    gate.report(seconds=seconds, processor_seconds=processor_seconds, size_mb=size)
    for order in orders:
        texts = json.loads(Path(order["texts"]).read_text(encoding="utf-8"))
        labels, _ = model.predict(_cut(texts))
        gate.report(labels=[one[0].removeprefix(_PREFIX) for one in labels])


def _cut(texts: Sequence[str]) -> list[str]:
    """Return texts as fastText's own tutorial prepares them: lower case, marks set apart."""
    plain = (text.replace("<br />", " ").lower() for text in texts)
    return [" ".join(_MARKS.sub(r" \1 ", text).split()) for text in plain]
