"""Steadfit's side of training: its learners, as a notebook makes and fits them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks._made_up import documents, names
from benchmarks._worker import Gate, Laps
from steadfit import AWD_LSTM, language_model_learner, text_classifier_learner
from steadfit.data.token_store import TokenStore, write_store
from steadfit.notebook.data_bunch import DataBunch
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.training.events import Callback
from steadfit.training.run import Run

EPOCHS = 10_000  # more than anyone waits for: the orders end before


class LapPerStep(Callback):
    """Hands every step to the laps; the first one's border is the beginning of the epoch."""

    def __init__(self, laps: Laps, work: float) -> None:
        self.laps = laps
        self.work = work

    def on_fit_begin(self, run: Run) -> None:
        self.laps.border()

    def on_step_end(self, run: Run) -> None:
        self.laps.border(self.work)


class LapPerEpoch(Callback):
    """Hands every epoch to the laps."""

    def __init__(self, laps: Laps, work: float) -> None:
        self.laps = laps
        self.work = work

    def on_fit_begin(self, run: Run) -> None:
        self.laps.border()

    def on_epoch_end(self, run: Run) -> None:
        self.laps.border(self.work)


def language_model(gate: Gate, settings: dict[str, Any]) -> None:
    """Train a language model on made-up tokens; a lap is a step."""
    bs, bptt = settings["rows"], settings["steps"]
    with tempfile.TemporaryDirectory() as folder:
        data = made_up_stream(Path(folder), settings["tokens"], settings["words"], bs=bs, bptt=bptt)
        learn = language_model_learner(
            data,
            AWD_LSTM,
            config=settings.get("config"),
            beta_norm=settings["beta_norm"],
            bf16=settings.get("bf16", True),
        )
        learn.objective.to(settings["device"])
        laps = Laps(gate, synchronizer(settings))
        learn.fit_one_cycle(EPOCHS, 1e-3, callbacks=[LapPerStep(laps, bs * bptt)])


def classifier(gate: Gate, settings: dict[str, Any]) -> None:
    """Train a classifier with all layers on prepared reviews; a lap is an epoch over them."""
    store = TokenStore.open(settings["store"])
    words = tuple(name for name in names(store.vocab_size))
    data = DataBunch(
        kind="classifier",
        store=store,
        vocab=Vocab([*MARKERS, *words]),
        classes=("neg", "pos"),
        path=Path(settings["store"]).parent,
        bs=settings["rows"],
        bptt=settings["steps"],
    )
    learn = text_classifier_learner(
        data,
        AWD_LSTM,
        drop_mult=0.5,
        beta_norm=settings["beta_norm"],
        bf16=True,
    )
    learn.unfreeze()
    learn.objective.to(settings["device"])
    laps = Laps(gate, synchronizer(settings))
    learn.fit_one_cycle(EPOCHS, 1e-3, callbacks=[LapPerEpoch(laps, len(store))])


def made_up_stream(folder: Path, tokens: int, words: int, bs: int, bptt: int) -> DataBunch:
    """Return made-up documents as data for a language model."""
    store = write_store(folder / "store", documents(tokens, words), vocab_size=words)
    vocab = Vocab([*MARKERS, *names(words)])
    return DataBunch("language-model", store, vocab, (), folder, bs=bs, bptt=bptt)


def synchronizer(settings: dict[str, Any]) -> Any:
    """Return what waits for the device, or None where nothing runs ahead of the program."""
    return torch.cuda.synchronize if settings["device"] == "cuda" else None
