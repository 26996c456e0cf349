"""Steadfit's side of prediction: a model folder, its Predictor, texts in and labels out."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import torch

from benchmarks._worker import Gate
from steadfit import Predictor
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import Vocab

WARM_UP = 32  # texts before time counts


def many(gate: Gate, settings: dict[str, Any]) -> None:
    """Label all texts; an order is one pass over them."""
    predictor = loaded(settings)
    texts = _read(settings["texts"])
    predictor.predict_many(texts[:WARM_UP])
    for _ in gate:
        began = time.perf_counter()
        labels = [prediction.label for prediction in predictor.predict_many(texts)]
        seconds = time.perf_counter() - began
        gate.report(seconds=seconds, work=len(labels))


def one(gate: Gate, settings: dict[str, Any]) -> None:
    """Label one text after the other; an order is so many of them."""
    predictor = loaded(settings)
    texts: Iterator[str] = cycle(_read(settings["texts"]))
    for order in gate:
        latencies = []
        for _ in range(order["pieces"]):
            text = next(texts)
            began = time.perf_counter()
            label = predictor.predict(text).label
            latencies.append(time.perf_counter() - began)
            assert label in predictor.classes
        gate.report(seconds=sum(latencies), work=len(latencies), latencies=latencies)


def loaded(settings: dict[str, Any]) -> Predictor:
    """Return the predictor of a model folder with weights as they are before training."""
    torch.set_num_threads(settings["threads"])
    with tempfile.TemporaryDirectory() as folder:
        model = saved_model(settings, Path(folder, "model"))
        predictor = Predictor.load(model, **settings.get("loading", {}))
    if settings["device"] != "cpu":
        predictor.model.to(settings["device"])
    return predictor


def saved_model(settings: dict[str, Any], folder: Path) -> Path:
    """Write a model folder with weights as they are before training."""
    torch.manual_seed(0)
    vocab = Vocab(_read(settings["vocabulary"]))
    config = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, len(vocab), 1.0, settings.get("config")
    )
    model = TextClassifier(config, 2).eval()
    return save_model(folder, SavedModel(model, Tokenizer(vocab), ("neg", "pos")))


def _read(path: str) -> list[str]:
    content: list[str] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content
