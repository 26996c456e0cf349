"""Texts labelled by a classifier whose networks serve several columns: each reads them once.

What a network says of the texts is kept beside its checkpoints, with the seconds it took.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from steadfit.core.atomic import write_json
from steadfit.files.model_folder import SavedModel
from steadfit.files.pretrained import DIRECTIONS
from steadfit.inference.ensemble import Ensemble


class Reader:
    """Labels texts, and tells how fast: what a network took is counted whenever it was read."""

    def __init__(self, ensemble: Ensemble, folder: Path) -> None:
        self._ensemble, self._folder = ensemble, folder
        self._texts = 0
        self._seconds = 0.0

    def labels(self, texts: Sequence[str]) -> list[Any]:
        """Return a class for each text."""
        tables, took = zip(
            *(self._read(one, texts) for one in self._ensemble.networks), strict=True
        )
        began = time.perf_counter()
        found = self._ensemble.finished(sum(tables) / len(tables), texts)
        self._texts = len(texts)
        self._seconds = sum(took) + time.perf_counter() - began
        return self._ensemble.labels(found)

    def documents_per_second(self) -> float:
        """Return how fast the texts were labelled."""
        return self._texts / self._seconds

    def _read(self, network: SavedModel, texts: Sequence[str]) -> tuple[Any, float]:
        told = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        file = self._folder / f"{DIRECTIONS[network.backwards]}-{told}.json"
        with suppress(FileNotFoundError):
            kept = json.loads(file.read_text(encoding="utf-8"))
            return np.array(kept["table"]), kept["seconds"]
        alone = replace(self._ensemble, networks=(network,))
        began = time.perf_counter()
        table = alone.mean_probabilities(texts)
        seconds = time.perf_counter() - began
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"seconds": seconds, "table": table.tolist()})
        return table, seconds
