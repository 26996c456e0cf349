"""fastai's side of training: its learners, as its users make and fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastai.callback.all  # noqa: F401  (gives Learner its fit_one_cycle, no_bar, ...)
import numpy as np
import torch
from fastai.callback.core import CancelValidException
from fastai.callback.fp16 import MixedPrecision
from fastai.data.core import DataLoaders
from fastai.learner import Callback, Learner
from fastai.text.data import LMDataLoader, Pad_Chunk, SortedDL, TensorText
from fastai.text.learner import language_model_learner, text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM
from fastai.torch_core import TensorCategory

from benchmarks._made_up import documents, names
from benchmarks._worker import Gate, Laps

EPOCHS = 10_000  # more than anyone waits for: the orders end before
SPECIAL = ["xxunk", "xxpad", "xxbos", "xxeos", "xxfld", "xxrep", "xxwrep", "xxup", "xxmaj"]


class LapPerStep(Callback):
    """Hands every step to the laps, and skips validation."""

    def __init__(self, laps: Laps, work: float) -> None:
        self.laps = laps
        self.work = work

    def before_fit(self) -> None:
        self.laps.border()

    def after_batch(self) -> None:
        self.laps.border(self.work)

    def before_validate(self) -> None:
        raise CancelValidException


class LapPerEpoch(Callback):
    """Hands every epoch to the laps, and skips validation."""

    def __init__(self, laps: Laps, work: float) -> None:
        self.laps = laps
        self.work = work

    def before_fit(self) -> None:
        self.laps.border()

    def before_validate(self) -> None:
        raise CancelValidException

    def after_epoch(self) -> None:
        self.laps.border(self.work)


class MixedPrecisionOnCPU(MixedPrecision):
    """fastai's `to_bf16`, whose own autocast names CUDA and so does nothing on a processor."""

    def before_fit(self) -> None:
        super().before_fit()
        self.autocast = torch.autocast("cpu", torch.bfloat16)


def language_model(gate: Gate, settings: dict[str, Any]) -> None:
    """Train a language model on made-up tokens; a lap is a step."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    rows, steps, words = settings["rows"], settings["steps"], settings["words"]
    texts = [TensorText(torch.from_numpy(ids)) for ids in documents(settings["tokens"], words)]
    lengths = [len(text) for text in texts]

    def loader(shuffle: bool) -> LMDataLoader:
        made = LMDataLoader(texts, lens=lengths, bs=rows, seq_len=steps, shuffle=shuffle)
        made.vocab = [*SPECIAL, *names(words)]
        return made

    dls = DataLoaders(loader(True), loader(False), device=torch.device(settings["device"]))
    learn = language_model_learner(
        dls, AWD_LSTM, config=settings.get("config"), pretrained=False, path=Path()
    )
    work = rows * steps
    _fit(learn, gate, settings, lambda laps: LapPerStep(laps, work))


def classifier(gate: Gate, settings: dict[str, Any]) -> None:
    """Train a classifier with all layers on prepared reviews; a lap is an epoch over them."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    items = prepared(settings["arrays"])
    words = settings["words"]

    def loader(shuffle: bool) -> SortedDL:
        made = SortedDL(
            items,
            res=[len(item[0]) for item in items],
            bs=settings["rows"],
            shuffle=shuffle,
            before_batch=Pad_Chunk(seq_len=settings["steps"]),
            num_workers=0,
        )
        made.vocab = [*SPECIAL, *names(words)]
        return made

    dls = DataLoaders(loader(True), loader(False), device=torch.device(settings["device"]))
    learn = text_classifier_learner(
        dls, AWD_LSTM, seq_len=settings["steps"], pretrained=False, n_out=2, path=Path(),
        loss_func=torch.nn.CrossEntropyLoss(),
    )  # fmt: skip
    learn.unfreeze()
    _fit(learn, gate, settings, lambda laps: LapPerEpoch(laps, len(items)))


def prepared(path: str) -> list[tuple[TensorText, TensorCategory]]:
    """Return the documents and labels of an `.npz` file."""
    with np.load(path, allow_pickle=False) as file:
        ids, offsets, labels = (file[name] for name in ("tokens", "offsets", "labels"))
    texts = np.split(ids.astype(np.int64), offsets[1:-1])
    return [
        (TensorText(torch.from_numpy(text)), TensorCategory(int(label)))
        for text, label in zip(texts, labels, strict=True)
    ]


def _fit(learn: Learner, gate: Gate, settings: dict[str, Any], listener: Any) -> None:
    if settings["bf16"]:
        on_cpu = settings["device"] == "cpu"
        learn.add_cb((MixedPrecisionOnCPU if on_cpu else MixedPrecision)(amp_mode="bf16"))
    synchronize = torch.cuda.synchronize if settings["device"] == "cuda" else None
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(EPOCHS, 1e-3, cbs=[listener(Laps(gate, synchronize))])
