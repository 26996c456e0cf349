"""Steadfit's side of tokenizing: texts to ids, from an empty memo and an empty vocabulary."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks._worker import Gate
from steadfit.text.words import WordEncoder, split_words


def cold(gate: Gate, settings: dict[str, Any]) -> None:
    """Encode all texts, then once more; imports and reading the texts are not counted."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    split_words("Import's done; tables are built.")
    for _ in gate:
        began = time.perf_counter()
        ids: defaultdict[str, int] = defaultdict(count().__next__)
        encode = WordEncoder(ids.__getitem__)
        tokens = sum(len(encode(text)) for text in texts)
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        for text in texts:  # every piece is known now: what looking them up costs
            encode(text)
        gate.report(seconds=seconds, work=tokens, known=time.perf_counter() - began)


def compared(gate: Gate, settings: dict[str, Any]) -> None:
    """Give the tokens of each text."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    encode = WordEncoder(ids.__getitem__)
    for _ in gate:
        lists = [encode(text) for text in texts]
        names = list(ids)
        gate.report(tokens=[[names[place] for place in one] for one in lists])
