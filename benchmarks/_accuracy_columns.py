"""The columns of `accuracy`: each learns from a draw, then labels texts that it never saw.

A column is a function of a draw and the command's options that returns what it trained, and an
entry of `COLUMNS`. It is given no test text: the frame alone has them, and labels them with
`Trained.predict`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import _accuracy_peers as peers
from benchmarks._accuracy_draws import Draw
from benchmarks._accuracy_trained import Clock, Trained, folder_mb
from benchmarks._harness import Options

BASELINE = "NBSVM"  # what the others are held against, draw by draw


@dataclass(frozen=True)
class Column:
    """A way to learn from a draw.

    Attributes:
        name: of its cells.
        train: learns.
        settings: plain JSON values; what was computed with others is computed again.
        settings_of: the same for a number of labels, where they depend on it.
        labels: the numbers of labels it is trained with; None for every row.
        quick: whether `--quick` has time for it.
        ours: whether it is a network of Steadfit's.
        title: in tables, where that is not the name.
    """

    name: str
    train: Callable[[Draw, Options], Trained]
    settings: Mapping[str, Any] = field(default_factory=dict)
    settings_of: Callable[[int], Mapping[str, Any]] | None = None
    labels: Sequence[int] | None = None
    quick: bool = False
    ours: bool = False
    title: str = ""


def majority(draw: Draw, options: Options) -> Trained:
    """Give every text the commonest label of the draw, of two that are as common the first."""
    with Clock() as clock:
        counts = Counter(draw.labelled.labels)
        label = min(counts, key=lambda one: (-counts[one], one))
    return Trained(
        lambda texts: [label] * len(texts), clock.seconds, clock.processor_seconds, size_mb=0.0
    )


def linear(kind: str, draw: Draw, options: Options) -> Trained:
    """Train one of Steadfit's linear models on counted words."""
    from steadfit.files.linear_folder import save_linear
    from steadfit.linear.nbsvm import fit_nbsvm
    from steadfit.linear.tfidf import fit_tfidf

    fit = {"nbsvm": fit_nbsvm, "tfidf": fit_tfidf}[kind]
    with Clock() as clock:
        model = fit(draw.labelled.texts, draw.labelled.labels, calibrated=False)
    with tempfile.TemporaryDirectory() as folder:
        size = folder_mb(save_linear(Path(folder) / kind, model))
    return Trained(
        lambda texts: [str(label) for label in model.predict(texts)],
        clock.seconds,
        clock.processor_seconds,
        size,
    )


COLUMNS: list[Column] = [
    Column("majority", majority, quick=True),
    Column("TF-IDF + logistic regression", partial(linear, "tfidf"), quick=True),
    Column(BASELINE, partial(linear, "nbsvm"), quick=True),
    Column("fastText", peers.fasttext, settings=peers.FASTTEXT, quick=True),
    Column("MiniLM vectors + logistic regression", peers.minilm, settings=peers.MINILM),
]
