"""fastai's side of prediction: a text classifier learner, `get_preds` and `predict`."""

from __future__ import annotations

import json
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import fastai.callback.all  # noqa: F401  (gives Learner its no_bar)
import pandas as pd
import torch
from fastai.learner import Learner
from fastai.text.data import TextDataLoaders
from fastai.text.learner import text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM

from benchmarks._worker import Gate

WARM_UP = 32  # texts before time counts
SHOWN = 64  # reviews that the learner's own data is made from


def many(gate: Gate, settings: dict[str, Any]) -> None:
    """Label all texts with `get_preds`; an order is one pass over them."""
    learn, texts = learner(settings), _read(settings["texts"])
    with learn.no_bar(), learn.no_logging():
        learn.get_preds(dl=learn.dls.test_dl(texts[:WARM_UP]))
        for _ in gate:
            began = time.perf_counter()
            probabilities, _ = learn.get_preds(dl=learn.dls.test_dl(texts))
            labels = [learn.dls.vocab[1][place] for place in probabilities.argmax(dim=1)]
            seconds = time.perf_counter() - began
            gate.report(seconds=seconds, work=len(labels))


def one(gate: Gate, settings: dict[str, Any]) -> None:
    """Label one text after the other with `predict`; an order is so many of them."""
    learn, texts = learner(settings), cycle(_read(settings["texts"]))
    with learn.no_bar(), learn.no_logging():
        for order in gate:
            latencies = []
            for _ in range(order["pieces"]):
                text = next(texts)
                began = time.perf_counter()
                label = learn.predict(text)[0]
                latencies.append(time.perf_counter() - began)
                assert label in ("neg", "pos")
            gate.report(seconds=sum(latencies), work=len(latencies), latencies=latencies)


def learner(settings: dict[str, Any]) -> Learner:
    """Return a classifier with weights as they are before training, over the given vocabulary."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    texts = _read(settings["texts"])[:SHOWN]
    labels = [("neg", "pos")[number % 2] for number in range(len(texts))]
    dls = TextDataLoaders.from_df(
        pd.DataFrame({"text": texts, "label": labels}),
        text_col="text",
        label_col="label",
        text_vocab=_read(settings["vocabulary"]),
        device=torch.device(settings["device"]),
    )
    return text_classifier_learner(dls, AWD_LSTM, pretrained=False, path=Path())


def _read(path: str) -> list[str]:
    content: list[str] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content
