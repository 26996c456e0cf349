"""fastai's side of tokenizing: its rules around spaCy, as `tokenize_df` calls them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from fastai.text.core import WordTokenizer, parallel_tokenize

from benchmarks._peer_tokens import fastai1_tokenizer
from benchmarks._worker import Gate


def cold(gate: Gate, settings: dict[str, Any]) -> None:
    """Tokenize all texts in this process."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    tokenizer = WordTokenizer()
    for _ in gate:
        began = time.perf_counter()
        tokens = sum(len(one) for _, one in parallel_tokenize(texts, tokenizer, n_workers=0))
        gate.report(seconds=time.perf_counter() - began, work=tokens)


def compared(gate: Gate, settings: dict[str, Any]) -> None:
    """Give the tokens of each text by fastai 1's rules, which are ours, around spaCy."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    tokenize = fastai1_tokenizer()
    for _ in gate:
        gate.report(tokens=[tokenize(text) for text in texts])
