"""Steadfit's estimator fitting many made-up documents."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks._made_up import MARKERS, documents, names
from benchmarks._worker import Gate, peak_mb
from steadfit import TextClassifier


def fit(gate: Gate, settings: dict[str, Any]) -> None:
    """Fit the whole recipe, each part for an epoch, and tell what memory rose by."""
    torch.set_num_threads(settings["threads"])
    count, length = settings["documents"], settings["length"]
    words = names(settings["words"])
    texts = [
        " ".join([words[number - MARKERS] for number in document.tolist()])
        for document in documents(count * length, settings["words"], length)
    ]
    labels = [place % 2 for place in range(count)]
    _classifier(settings, texts[:50]).fit(texts[:50], labels[:50])  # loads and builds what it needs
    gc.collect()
    for _ in gate:
        before, began = _resident_mb(), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            _classifier(settings, texts, Path(folder)).fit(texts, labels)
        seconds = time.perf_counter() - began
        gate.report(seconds=seconds, work=count, above_mb=round(peak_mb() - before, 1))


def _resident_mb() -> float:
    """Return the resident memory of this process now, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _classifier(settings: dict[str, Any], texts: Any, folder: Path | None = None) -> TextClassifier:
    return TextClassifier(
        pretrained=None,
        sizes=settings["sizes"],
        lm_epochs=1,
        epochs=1,
        checkpoint_dir=folder,
        verbose=False,
    )
