"""The columns of `accuracy` that other libraries train: fastText, and MiniLM's sentence vectors."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._accuracy_draws import Draw
from benchmarks._accuracy_trained import Clock, NotMeasured, Trained
from benchmarks._environments import peer_python
from benchmarks._harness import Options
from benchmarks._sentence_vectors import DTYPE, NoVectors, embed, minilm_worker, vectors_of
from benchmarks._sides import Side, Worker

FASTTEXT: dict[str, Any] = {"wordNgrams": 2, "dim": 50, "lr": 0.5, "thread": 1}
MINILM: dict[str, Any] = {"tokens": 256, "dtype": DTYPE, "Cs": [0.1, 1.0, 10.0, 100.0], "folds": 5}
_TIMED = 128  # texts that MiniLM's speed is measured on; its vectors are kept


def fasttext(draw: Draw, options: Options) -> Trained:
    """Train fastText in its own environment.

    Raises:
        NotMeasured: the environment is not there.
        SideError: fastText failed.
    """
    python = peer_python("fasttext", build=not options.quick)
    if python is None:
        raise NotMeasured("the environment of fastText is not there: run make peers")
    folder = tempfile.TemporaryDirectory()
    worker = Worker(
        Side("fastText", "benchmarks.sides.fasttext_reviews:classify", python=python),
        options.threads,
    )

    def close() -> None:
        worker.close()
        folder.cleanup()

    def predict(texts: Sequence[str]) -> Sequence[str]:
        answer: list[str] = worker.go(texts=_kept(folder.name, "test", texts))["labels"]
        return answer

    try:
        worker.prepare()
        report = worker.go(
            texts=_kept(folder.name, "train", draw.labelled.texts),
            labels=draw.labelled.labels,
            settings={**FASTTEXT, "epoch": epochs(len(draw.labelled)), "seed": draw.number},
        )
    except BaseException:
        close()
        raise
    return Trained(
        predict,
        report["seconds"],
        report["processor_seconds"],
        report["size_mb"],
        notes={"epochs": epochs(len(draw.labelled)), "versions": worker.versions},
        close=close,
    )


def epochs(labels: int) -> int:
    """Return how often fastText reads its reviews: about 50,000 texts in all, 5 to 300 times."""
    # With 1,000 labels, 10, 25 and 50 times gave 67.7, 79.5 and 79.9 % of `for_settings`'s judging
    # reviews; with all, 5 times gave 88.1 %.
    return max(5, min(300, 50_000 // labels))


def minilm(draw: Draw, options: Options) -> Trained:
    """Train a logistic regression on sentence vectors, its C by cross-validation on the draw.

    Vectors are computed once for all draws; what they cost is measured on a few texts and counted
    for each text, in training and in predicting.

    Raises:
        NotMeasured: the environment is not there.
        SideError: MiniLM failed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    try:
        speed = _speed_of_minilm(draw.every_text[:_TIMED], options)
        vectors = _vectors(draw.labelled.texts, options)
    except NoVectors:
        raise NotMeasured("the environment of transformers is not there: run make peers") from None
    with Clock() as clock:
        search = GridSearchCV(
            LogisticRegression(max_iter=1000),
            {"C": MINILM["Cs"]},
            cv=MINILM["folds"],
            scoring="neg_log_loss",
        )
        search.fit(vectors, draw.labelled.labels)
    model, count = search.best_estimator_, len(draw.labelled)
    return Trained(
        lambda texts: [str(label) for label in model.predict(_vectors(texts, options))],
        clock.seconds + count / speed["work"] * speed["seconds"],
        clock.processor_seconds + count / speed["work"] * speed["processor_seconds"],
        speed["size_mb"] + (model.coef_.nbytes + model.intercept_.nbytes) / 1e6,
        documents_per_second=lambda: speed["work"] / speed["seconds"],
        notes={"C": float(model.C)},
    )


def _vectors(texts: Sequence[str], options: Options) -> Any:
    return vectors_of(texts, options.threads, build=not options.quick)


def _speed_of_minilm(texts: Sequence[str], options: Options) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        minilm_worker(options.threads, build=not options.quick) as worker,
    ):
        embed(worker, texts[:8], Path(folder) / "warm-up.npy")
        return embed(worker, texts, Path(folder) / "timed.npy")


def _kept(folder: str, name: str, texts: Sequence[str]) -> str:
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(list(texts)), encoding="utf-8")
    return str(path)
