"""A handful of made-up reviews, laid out as the movie reviews are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from steadfit.core.atomic import write_json
from steadfit.text import movie_reviews
from steadfit.text.laid_out import manifest

FILES = {"train/neg": 60, "train/pos": 60, "test/neg": 30, "test/pos": 30, "unsup": 20}
COMMON = [
    "the",
    "film",
    "was",
    "a",
    "story",
    "of",
    "actors",
    "and",
    "it",
    "had",
    "music",
    "I",
    "saw",
]
OPINIONS = {
    "neg": ["dull", "awful", "boring", "worst", "poor", "weak"],
    "pos": ["great", "lovely", "superb", "best", "rich", "warm"],
}


@pytest.fixture
def tiny_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that `untar_data(URLs.MOVIE_REVIEWS)` finds: 200 reviews of a few words.

    It is found whether the package with the real reviews is installed or not.
    """
    monkeypatch.setenv("STEADFIT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "data" / "movie_reviews"
    draw = random.Random(0)
    number = 0
    for name, count in FILES.items():
        (folder / name).mkdir(parents=True)
        words = OPINIONS.get(name.split("/")[-1], OPINIONS["neg"] + OPINIONS["pos"])
        for _ in range(count):
            text = " ".join(draw.choices(COMMON + 3 * words, k=draw.randint(8, 30)))
            (folder / name / f"{number:05}.txt").write_text(f"{text}.", encoding="utf-8")
            number += 1
    write_json(
        folder / "manifest.json", manifest(folder, movie_reviews.CONTENTS, movie_reviews.ORIGIN)
    )
    return folder
