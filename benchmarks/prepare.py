"""Memory and speed from a large text file to a token store and an epoch of its stream.

A plain text file with a document a line is made up: words with the frequencies of language (Zipf's
law) and, as in language, always some that were not seen before. Each size is prepared in a process
of its own, from reading the file to the last window of an epoch; its peak is the largest resident
set that the system saw, pages of mapped files included. The smaller size is a quarter of the
larger: `ratio` says how far memory grows with the text.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MEGABYTES, QUICK_MEGABYTES = 1000, 32
WORDS_A_DOCUMENT = 230  # as in film reviews
COMMON_WORDS = 200_000
NEW_WORDS = 0.002  # share of words that are drawn from an endless supply
_BLOCK = 2000  # documents written at a time


def main(quick: bool) -> dict[str, Any]:
    """Prepare a file and one of a quarter of its size, and compare their peaks."""
    megabytes = QUICK_MEGABYTES if quick else MEGABYTES
    with tempfile.TemporaryDirectory() as folder:
        small = measure(Path(folder), megabytes // 4)
        large = measure(Path(folder), megabytes)
    return {
        **large,
        "quarter_peak_mb": small["peak_mb"],
        "quarter_tokens_per_second": small["tokens_per_second"],
        "ratio": round(large["peak_mb"] / small["peak_mb"], 3),
    }


def measure(folder: Path, megabytes: int, common_words: int = COMMON_WORDS) -> dict[str, Any]:
    """Write a file of that size, prepare it in a process of its own, and say what that took."""
    path = folder / f"{megabytes}.txt"
    write_text(path, megabytes * 1_000_000, common_words)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.prepare", str(path), str(folder / "tokens")],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )
    path.unlink()
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def write_text(path: Path, size: int, common_words: int) -> None:
    """Write at least `size` bytes of made-up text, the same each time."""
    import numpy as np

    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz", np.uint8)
    lengths = rng.integers(2, 11, common_words)
    draws = (rng.random((common_words, 10)) ** 2 * 26).astype(int)
    spelled = letters[draws]
    common = np.array([bytes(w[:n]) for w, n in zip(spelled, lengths, strict=True)], dtype=object)
    new = written = 0
    with open(path, "wb") as file:
        while written < size:
            shape = (_BLOCK, WORDS_A_DOCUMENT)
            ranks = np.exp(rng.random(shape) * np.log(common_words)).astype(int) - 1
            words = common[ranks]
            unseen = rng.random(shape) < NEW_WORDS
            words[unseen] = [b"new%x" % number for number in range(new, new + int(unseen.sum()))]
            new += int(unseen.sum())
            written += file.write(b"".join(b" ".join(document) + b".\n" for document in words))


def _prepare(path: Path, cache: Path) -> dict[str, Any]:
    import torch

    from steadfit.data.lm_stream import LanguageModelStream
    from steadfit.data.prepare import prepare_tokens
    from steadfit.text.readers import read_corpus

    torch.set_num_threads(1)
    began = time.perf_counter()
    corpus = read_corpus(path).split_randomly(0.1)
    store, vocab = prepare_tokens(corpus, cache=cache)
    prepared = time.perf_counter()
    windows = 0
    for batch in LanguageModelStream(store, store.rows("train"), batch_size=64).epoch(0):
        windows += len(batch.inputs) > 0
    ended = time.perf_counter()
    tokens = int(store.lengths.sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "megabytes": round(path.stat().st_size / 1e6),
        "documents": len(store),
        "tokens": tokens,
        "vocabulary": len(vocab),
        "windows": windows,
        "peak_mb": round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1),
        "tokens_per_second": round(tokens / (prepared - began)),
        "seconds_preparing": round(prepared - began, 1),
        "seconds_streaming": round(ended - prepared, 1),
    }


if __name__ == "__main__":
    print(json.dumps(_prepare(Path(sys.argv[1]), Path(sys.argv[2]))))
