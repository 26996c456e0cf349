"""What the columns of other libraries do in this process, the libraries' own part made up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import _accuracy_peers as peers
from benchmarks import _sentence_vectors as vectors
from benchmarks._accuracy_draws import CLASSES, Draw, Part
from benchmarks._accuracy_trained import NotMeasured
from benchmarks._harness import Options
from benchmarks._sides import SideError

QUICK = Options(quick=True, threads=1)


class FakeMiniLM:
    """Turns a text into its length and the number of its `o`s; breaks after so many orders."""

    def __init__(self, breaks_after: int = 1000) -> None:
        self.breaks_after = breaks_after
        self.orders = 0

    def go(self, texts: str, out: str) -> dict[str, float]:
        self.orders += 1
        if self.orders > self.breaks_after:
            raise SideError("out of memory")
        read = json.loads(Path(texts).read_text(encoding="utf-8"))
        found = np.array([[len(text), text.count("o")] for text in read], dtype=np.float32)
        with open(out, "wb") as file:
            np.save(file, found)
        return {"seconds": 0.5, "processor_seconds": 0.4, "work": len(read), "size_mb": 91.0}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMiniLM:
    side = FakeMiniLM()

    @contextmanager
    def worker(threads: int, build: bool) -> Iterator[FakeMiniLM]:
        yield side

    monkeypatch.setattr(vectors, "FOLDER", tmp_path / "minilm")
    monkeypatch.setattr(vectors, "_TOGETHER", 4)
    for module in (vectors, peers):
        monkeypatch.setattr(module, "minilm_worker", worker)
    return side


def a_draw() -> Draw:
    texts = tuple(("good " if n % 2 else "bad ") * (2 + n % 5) for n in range(30))
    labels = tuple(CLASSES[n % 2] for n in range(30))
    texts = tuple(f"{text}{n}" for n, text in enumerate(texts))
    every = Part(tuple(range(30)), texts, labels)
    return Draw(0, every.select(range(20)), texts[20:], texts)


def test_vectors_stand_in_the_order_of_their_texts(fake: FakeMiniLM):
    texts = ["o" * n for n in range(10)]
    vectors.vectors_of(texts[5:8], 1, build=False)
    mixed = [*texts, *texts[::-1]]
    found = vectors.vectors_of(mixed, 1, build=False)
    assert found.tolist() == [[len(text)] * 2 for text in mixed]
    assert fake.orders == 1 + 2  # seven were missing, four go together


def test_vectors_that_are_kept_are_not_computed_again(fake: FakeMiniLM):
    texts = [f"text {n}" for n in range(10)]
    fake.breaks_after = 2
    with pytest.raises(SideError):
        vectors.vectors_of(texts, 1, build=False)
    fake.breaks_after, fake.orders = 1000, 0
    first = vectors.vectors_of(texts, 1, build=False)
    assert fake.orders == 1  # of three pieces, two were kept
    assert (vectors.vectors_of(texts, 1, build=False) == first).all()
    assert fake.orders == 1
    vectors.vectors_of([*texts[:9], "another"], 1, build=False)
    assert fake.orders == 2
    assert {file.suffix for file in vectors.FOLDER.iterdir()} == {".npy", ".keys"}


def test_a_regression_on_vectors_learns_and_counts_what_its_vectors_cost(fake: FakeMiniLM):
    trained = peers.minilm(a_draw(), QUICK)
    assert trained.predict(["good good good", "bad bad bad bad"]) == ["pos", "neg"]
    assert trained.documents_per_second is not None
    assert trained.documents_per_second() == 30 / 0.5
    assert trained.seconds > 20 / 30 * 0.5
    assert trained.size_mb > 91.0
    assert trained.notes["C"] in peers.MINILM["Cs"]


@pytest.mark.parametrize("column", [peers.fasttext, peers.minilm])
def test_without_its_environment_a_peer_is_not_measured(
    column: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(vectors, "FOLDER", tmp_path)
    for module in (vectors, peers):
        monkeypatch.setattr(module, "peer_python", lambda *_, **__: None)
    with pytest.raises(NotMeasured, match="make peers"):
        column(a_draw(), QUICK)


class FakeFastText:
    """Keeps orders, and labels every text as positive."""

    def __init__(self, *_: object) -> None:
        self.versions: dict[str, str] = {}
        self.orders: list[dict[str, Any]] = []
        self.closed = False

    def prepare(self) -> None:
        pass

    def go(self, **order: Any) -> dict[str, Any]:
        texts: Sequence[str] = json.loads(Path(order["texts"]).read_text(encoding="utf-8"))
        self.orders.append({**order, "texts": texts})
        if "labels" not in order:
            return {"labels": ["pos"] * len(texts)}
        return {"seconds": 1.0, "processor_seconds": 0.9, "size_mb": 400.0}

    def close(self) -> None:
        self.closed = True


def test_fasttext_is_given_the_labelled_texts_alone(monkeypatch: pytest.MonkeyPatch):
    side, drawn = FakeFastText(), a_draw()
    monkeypatch.setattr(peers, "peer_python", lambda *_, **__: "python")
    monkeypatch.setattr(peers, "Worker", lambda *_: side)
    trained = peers.fasttext(drawn, QUICK)
    (order,) = side.orders
    assert tuple(order["texts"]) == drawn.labelled.texts
    assert tuple(order["labels"]) == drawn.labelled.labels
    assert order["settings"]["wordNgrams"] == 2
    assert trained.predict(["a", "b"]) == ["pos", "pos"]
    trained.close()
    assert side.closed


def test_fasttext_reads_few_labels_oftener():
    read = [peers.epochs(labels) for labels in (100, 1_000, 18_470)]
    assert read == sorted(read, reverse=True)
    assert len(set(read)) == 3
