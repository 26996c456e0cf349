"""Steadfit's side of scoring a file: `steadfit predict`, a table in and a table out."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks._worker import Gate
from benchmarks.sides.our_prediction import saved_model
from steadfit.cli.main import app


def predict(gate: Gate, settings: dict[str, Any]) -> None:
    """Score the reviews of the `predict` benchmark; an order is the command, once."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = folder / "reviews.csv"
        _write(table, texts, repeats=1)
        _score(gate, settings, saved_model(settings, folder / "model"), table, len(texts))


def many_rows(gate: Gate, settings: dict[str, Any]) -> None:
    """Score so many made-up rows."""
    texts = json.loads(Path(settings["texts"]).read_text(encoding="utf-8"))
    rows = int(settings["rows"])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = folder / "rows.csv"
        _write(table, texts, repeats=rows // len(texts))
        count = rows // len(texts) * len(texts)
        _score(gate, settings, saved_model(settings, folder / "model"), table, count)


def _score(gate: Gate, settings: dict[str, Any], model: Path, table: Path, rows: int) -> None:
    torch.set_num_threads(settings["threads"])
    out = table.with_name("scored.csv")
    command = ["predict", str(model), str(table), "--out", str(out), "--overwrite"]
    for _ in gate:
        began = time.perf_counter()
        app(command, standalone_mode=False)
        seconds = time.perf_counter() - began
        written = sum(1 for _ in csv.reader(out.open(encoding="utf-8", newline=""))) - 1
        if written != rows:
            sys.exit(f"{written} rows were written, of {rows}")
        gate.report(seconds=seconds, work=rows)


def _write(path: Path, texts: list[str], repeats: int) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for turn in range(repeats):
            writer.writerows((turn * len(texts) + place, one) for place, one in enumerate(texts))
