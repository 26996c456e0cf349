"""MiniLM's vectors of texts, computed once and kept, a few hundred texts at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks._environments import peer_python
from benchmarks._sides import HOME, Side, Worker

FOLDER = HOME / "minilm"
TARGET = "benchmarks.sides.minilm:vectors"
DTYPE = "bfloat16"  # three times as fast as float32; cosines of 0.9999 and more with its vectors
_TOGETHER = 256


class NoVectors(Exception):
    """MiniLM's environment is not there."""


def vectors_of(texts: Sequence[str], threads: int, build: bool) -> np.ndarray:
    """Return unit vectors (texts, 384) in float32; pieces that are kept are not computed again.

    Raises:
        NoVectors: some are missing, and so is MiniLM's environment.
        SideError: MiniLM failed.
    """
    pieces = [texts[start : start + _TOGETHER] for start in range(0, len(texts), _TOGETHER)]
    files = [_file(piece) for piece in pieces]
    missing = [place for place, file in enumerate(files) if not file.exists()]
    if missing:
        with minilm_worker(threads, build) as worker:
            for done, place in enumerate(missing, start=1):
                seconds = embed(worker, pieces[place], files[place])["seconds"]
                print(f"vectors {done}/{len(missing)}: {seconds:.1f} s", flush=True)
    return np.concatenate([np.load(file) for file in files])


def minilm_worker(threads: int, build: bool) -> Worker:
    """Start MiniLM in its environment, which is made now if it is missing and `build` is set.

    Raises:
        NoVectors: it is not there.
    """
    python = peer_python("transformers", build)
    if python is None:
        raise NoVectors
    worker = Worker(Side("MiniLM", TARGET, {"dtype": DTYPE}, python), threads)
    worker.prepare()
    return worker


def embed(worker: Worker, texts: Sequence[str], out: Path) -> dict[str, float]:
    """Let MiniLM write the vectors of texts to a file; return what it says of time and size."""
    out.parent.mkdir(parents=True, exist_ok=True)
    given = out.with_suffix(".json")
    given.write_text(json.dumps(list(texts)), encoding="utf-8")
    try:
        return worker.go(texts=str(given), out=str(out))
    finally:
        given.unlink()


def _file(texts: Sequence[str]) -> Path:
    told = json.dumps([DTYPE, *texts]).encode()
    return FOLDER / f"{hashlib.sha256(told).hexdigest()[:16]}.npy"
