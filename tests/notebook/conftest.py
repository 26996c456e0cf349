"""Made-up texts in folders and a table, and learners small enough to train in milliseconds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from steadfit import (
    AWD_LSTM,
    DataBunch,
    TextList,
    Vocab,
    language_model_learner,
    text_classifier_learner,
)
from tests.notebook.made_up import FILES, sentence, write

SMALL = {"emb_sz": 6, "n_hid": 8, "n_layers": 3}
OPINIONS = {"neg": "dull awful boring worst poor", "pos": "great lovely superb best rich"}


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 36 reviews, of 5 to 25 words; files are numbered across folders."""
    root = tmp_path_factory.mktemp("reviews")
    draw = random.Random(0)
    for number in range(36):
        label = ("neg", "pos")[number % 2]
        folder = root / ("test" if number >= 24 else "train") / label
        folder.mkdir(parents=True, exist_ok=True)
        words = ["the", "film", "was", "a", "story", "of", "actors"] + 2 * OPINIONS[label].split()
        text = " ".join(draw.choices(words, k=draw.randint(5, 25)))
        (folder / f"{number:02}.txt").write_text(f"{text}.", encoding="utf-8")
    return root


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a folder of 24 texts, in train, test, unsup and a folder `tmp`."""
    return write(tmp_path / "imdb", FILES)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Return the folder of a table of eight texts, two to a film."""
    rows = [f"{'pos' if n % 2 else 'neg'},{sentence(n)},{n >= 6},film{n // 2}" for n in range(8)]
    return write(tmp_path, {"reviews.csv": "\n".join(["label,text,is_valid,film", *rows])})


@pytest.fixture
def lm_data(reviews: Path, tmp_path: Path) -> DataBunch:
    texts = TextList.from_folder(reviews).split_by_rand_pct(0.2).label_for_lm()
    return texts.databunch(tmp_path, bs=4, bptt=9, min_freq=1)


@pytest.fixture
def make_data(reviews: Path, tmp_path: Path) -> Any:
    """Return a function that makes data for a classifier."""

    def make(vocab: Vocab | None = None, **settings: Any) -> DataBunch:
        texts = TextList.from_folder(reviews, vocab=vocab).split_by_folder(valid="test")
        labelled = texts.label_from_folder(classes=["neg", "pos"])
        return labelled.databunch(tmp_path, **{"bs": 6, "min_freq": 1, **settings})

    return make


@pytest.fixture
def data(make_data: Any) -> DataBunch:
    return make_data()


@pytest.fixture
def lm(lm_data: DataBunch) -> Any:
    """Return a function that makes a learner for a small language model."""
    return lambda **settings: language_model_learner(
        lm_data, AWD_LSTM, **{"drop_mult": 0.3, "config": SMALL, **settings}
    )


@pytest.fixture
def clas(data: DataBunch) -> Any:
    """Return a function that makes a learner for a small classifier, of `data` or other data."""

    def make(other: DataBunch | None = None, **settings: Any) -> Any:
        chosen = data if other is None else other
        return text_classifier_learner(
            chosen, AWD_LSTM, **{"drop_mult": 0.5, "config": SMALL, **settings}
        )

    return make
