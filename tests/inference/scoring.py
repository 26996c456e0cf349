"""Tables to be scored, and models that answer or stop."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ["neg", "pos"]


def by_length(texts: Sequence[str]) -> np.ndarray:
    """Give a text of n characters n % 5 + 1 to n % 3 + 1."""
    found = np.array([[len(text) % 5 + 1, len(text) % 3 + 1] for text in texts], float)
    return found / found.sum(axis=1, keepdims=True)


class Stops:
    """Raises at the block of a number, from 0."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.calls, self.at, self.error = 0, at, error
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += 1
        if self.calls > self.at:
            raise self.error
        self.texts += texts
        return by_length(texts)


def table(folder: Path, rows: int = 50) -> Path:
    path = folder / "in.csv"
    path.write_text(
        "id,text\n" + "".join(f'{n},"{"x" * (n % 7)}, ""{n}""\n"\n' for n in range(rows))
    )
    return path


def read(path: Path) -> list[dict[str, Any]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
