"""MiniLM's vectors of texts, computed once and kept, some hundred texts at a time."""

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
    """Return unit vectors (texts, 384) in float32; those that are kept are not computed again.

    Raises:
        NoVectors: some are missing, and so is MiniLM's environment.
        SideError: MiniLM failed.
    """
    known = _kept()
    missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
    pieces = [missing[start : start + _TOGETHER] for start in range(0, len(missing), _TOGETHER)]
    if pieces:
        with minilm_worker(threads, build) as worker:
            for done, piece in enumerate(pieces, start=1):
                seconds = _keep(worker, piece)
                print(f"vectors {done}/{len(pieces)}: {seconds:.1f} s", flush=True)
        known = _kept()
    return np.stack([known[_key(text)] for text in texts])


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


def _keep(worker: Worker, piece: Sequence[str]) -> float:
    """Compute and keep some vectors, whose file appears last; return the seconds."""
    keys = [_key(text) for text in piece]
    file = FOLDER / f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:16]}.npy"
    FOLDER.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".keys").write_text("\n".join(keys), encoding="utf-8")
    return embed(worker, piece, file)["seconds"]


def _kept() -> dict[str, np.ndarray]:
    """Return all vectors that are kept."""
    known: dict[str, np.ndarray] = {}
    for file in FOLDER.glob("[!.]*.npy"):
        keys = file.with_suffix(".keys").read_text(encoding="utf-8").split("\n")
        known.update(zip(keys, np.load(file), strict=True))
    return known


def _key(text: str) -> str:
    return hashlib.sha256(f"{DTYPE} {text}".encode()).hexdigest()[:24]
