"""A cell of `accuracy`: what a column says after one draw, and what it cost; each kept in a file.

A cell that is kept, there or in the results of before, is not computed again, unless the column's
settings or the draw have changed. To measure its seconds anew, delete it in both.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._accuracy_columns import Column
from benchmarks._accuracy_draws import CLASSES, Draw, Part
from benchmarks._accuracy_trained import Trained
from benchmarks._harness import Options
from benchmarks._sides import HOME, ROOT
from steadfit.core.atomic import write_json
from steadfit.report.comparison import wilson_interval
from steadfit.report.provenance import commit_of, provenance

FOLDER = HOME / "accuracy"
RESULT = ROOT / "results" / "benchmarks" / "accuracy.json"
Cell = dict[str, Any]


def cell_of(column: Column, draw: Draw, test: Part, options: Options) -> Cell:
    """Return the cell of a column and a draw, computed now if it is not kept.

    Raises:
        NotMeasured: what the column needs is not installed.
        ValueError: the column answers with something else than a class for each text.
    """
    if kept := kept_cell(column, draw):
        return kept
    asked, file = _asked(column, draw)
    trained = column.train(draw, options)
    try:
        found = {**asked, **_judged(trained, test)}
    finally:
        trained.close()
    found.update(
        threads=options.threads,
        processor=provenance()["hardware"]["processor"],
        commit=commit_of(ROOT, "src", "benchmarks"),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, found)
    return found


def kept_cell(column: Column, draw: Draw) -> Cell | None:
    """Return the cell of a column and a draw if it was computed before."""
    asked, file = _asked(column, draw)
    plain = json.loads(json.dumps(asked))
    for found in (_content(file), *_content(RESULT).get("conditions", {}).get("cells", [])):
        if found and all(found.get(name) == value for name, value in plain.items()):
            return found
    return None


def bits(labels: Sequence[str]) -> str:
    """Return labels as bits, 1 for the second class, in hexadecimal digits."""
    if wrong := set(labels) - set(CLASSES):
        raise ValueError(f"labels {sorted(map(str, wrong))}: {CLASSES} are known")
    return np.packbits([label == CLASSES[1] for label in labels]).tobytes().hex()


def labels_of(kept: str, count: int) -> list[str]:
    """Return what `bits` kept."""
    unpacked = np.unpackbits(np.frombuffer(bytes.fromhex(kept), dtype=np.uint8), count=count)
    return [CLASSES[bit] for bit in unpacked]


def slug(name: str) -> str:
    """Return a column's name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _judged(trained: Trained, test: Part) -> Cell:
    began = time.perf_counter()
    answers = list(trained.predict(test.texts))
    speed = len(answers) / (time.perf_counter() - began)
    right = sum(a == b for a, b in zip(answers, test.labels, strict=True))
    low, high = wilson_interval(right, len(test))
    if trained.documents_per_second is not None:
        speed = trained.documents_per_second()
    return {
        "accuracy": round(right / len(test), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "seconds": round(trained.seconds, 2),
        "processor_seconds": trained.processor_seconds and round(trained.processor_seconds, 2),
        "shared_seconds": round(trained.shared_seconds, 2),
        "size_mb": round(trained.size_mb, 3),
        "documents_per_second": float(f"{speed:.4g}"),
        "texts": len(test),
        "predictions": bits(answers),
        "notes": dict(trained.notes),
    }


def _asked(column: Column, draw: Draw) -> tuple[Cell, Path]:
    """Return what a cell is of, and its file."""
    labels = len(draw.labelled)
    settings = column.settings if column.settings_of is None else column.settings_of(labels)
    asked = {
        "name": column.name,
        "labels": labels,
        "draw": draw.number,
        "draw_digest": draw.digest,
        "settings": dict(settings),
    }
    name = f"{slug(column.name)}-{labels}-{draw.number}-{draw.digest[:6]}.json"
    return asked, FOLDER / name


def _content(file: Path) -> Cell:
    with suppress(FileNotFoundError):
        found: Cell = json.loads(file.read_text(encoding="utf-8"))
        return found
    return {}
