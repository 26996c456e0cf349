"""Threads and processes: a model is shared, global random numbers and sockets are left alone."""

from __future__ import annotations

import multiprocessing
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steadfit import Callback, DataBunch, Predictor, TextList, Writer
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.notebook.text_learners import language_model_learner, text_classifier_learner
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.training.run import Run
from tests.child_process import answers_of

THREADS = 32
SMALL = {"emb_sz": 8, "n_hid": 10, "n_layers": 2}
WORDS = ["the", "film", "was", "good", "bad", "dull", "great", "a", "plot", "of", "and"]
TEXTS = [
    f"The film was {a} and the plot of {b} {a}." * n for a in WORDS for n, b in enumerate(WORDS)
]


def tokenizer() -> Tokenizer:
    return Tokenizer(Vocab([*MARKERS, *WORDS, "."]))


def config() -> AWDLSTMConfig:
    return AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(tokenizer().vocab), 1.0, SMALL)


def strong(model: Any) -> Any:
    """Give a model opinions: fresh weights answer nearly the same to every text."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
    return model.eval()


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(strong(TextClassifier(config(), 3)), tokenizer(), ("a", "b", "c"))


@pytest.fixture
def writer() -> Writer:
    return Writer(strong(LanguageModel(config())), tokenizer())


@pytest.fixture
def data(tmp_path: Path) -> DataBunch:
    texts = TextList.from_texts(TEXTS[:60], tmp_path).split_by_idx(range(50, 60))
    return texts.label_from_list(["x", "y"] * 30).databunch(bs=6, min_freq=1)


@pytest.fixture
def lm_data(tmp_path: Path) -> DataBunch:
    texts = TextList.from_texts(TEXTS[:60], tmp_path).split_by_idx(range(50, 60))
    return texts.label_for_lm().databunch(bs=4, bptt=9, min_freq=1)


def learner(data: DataBunch) -> Any:
    make = text_classifier_learner if data.kind == "classifier" else language_model_learner
    return make(data, config=SMALL, drop_mult=0.5)


def weights(learn: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learn.model.state_dict().items()}


def in_threads(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """Return what `work(number)` gives in as many threads, all let go at once."""
    together = threading.Barrier(threads)
    results: list[Any] = [None] * threads

    def run(number: int) -> None:
        together.wait(60)
        try:
            results[number] = work(number)
        except BaseException as error:
            results[number] = error

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


@pytest.mark.parametrize("kind", ["data", "lm_data"])
def test_32_threads_predict_what_one_predicts_while_another_model_trains(
    kind: str, predictor: Predictor, writer: Writer, request: Any
) -> None:
    data = request.getfixturevalue(kind)
    alone = learner(data)
    alone.fit_one_cycle(2, 1e-2)

    def predictions() -> list[Any]:
        found = predictor.probabilities(TEXTS[:40], batch_size=7)
        written = writer.predict("The film", 5, temperature=1.0, seed=3)
        return [found, writer.perplexities(TEXTS[1:6]), predictor.predict(TEXTS[9])[2], written]

    expected = predictions()
    beside = learner(data)

    def work(number: int) -> Any:
        return beside.fit_one_cycle(2, 1e-2) if number == 0 else predictions()

    trained, *found = in_threads(work, 1 + THREADS)
    assert trained is None
    for answers in found:
        assert not isinstance(answers, BaseException), answers
        *numbers, written = answers
        assert written == expected[-1]
        for one, other in zip(numbers, expected, strict=False):
            assert torch.equal(one, other)
    # ... and prediction does not disturb the training either.
    for name, value in weights(beside).items():
        assert torch.equal(value, weights(alone)[name]), name


def test_fits_at_the_same_time_are_each_what_they_are_alone(
    data: DataBunch, lm_data: DataBunch
) -> None:
    def work(number: int) -> Any:
        make, texts = (
            (text_classifier_learner, data) if number % 2 else (language_model_learner, lm_data)
        )
        learn = make(texts, config=SMALL, seed=number // 2, bf16=number == 3)
        found = learn.lr_find(num_it=8)
        learn.fit_one_cycle(2, 1e-2)
        return weights(learn), learn.recorder.losses, found

    alone = [work(number) for number in range(4)]
    assert len({float(losses[-1]) for _, losses, _ in alone}) == 4
    together = in_threads(work, 4)
    for answers, expected in zip(together, alone, strict=True):
        assert not isinstance(answers, BaseException), answers
        for name, value in expected[0].items():
            assert torch.equal(answers[0][name], value), name
        assert answers[1:] == expected[1:]


@pytest.fixture
def random_numbers() -> Callable[[], bool]:
    """Take down every global generator; the answer tells whether all are as they were."""

    def states() -> list[Any]:
        return [random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()]  # noqa: NPY002

    before = states()
    return lambda: states() == before


def test_no_global_random_numbers_are_drawn(
    predictor: Predictor, writer: Writer, tmp_path: Path, random_numbers: Callable[[], bool]
) -> None:
    predictor.predict_many(TEXTS[:5])
    writer.predict("the", 3)
    writer.perplexities(TEXTS[:2])
    assert random_numbers()
    texts = TextList.from_texts(TEXTS[:60], tmp_path).split_by_rand_pct(0.2, seed=1)
    data = texts.label_from_list(["x", "y"] * 30).databunch(bs=6, min_freq=1)
    for batches in (data.train_batches(), texts.label_for_lm().databunch(bs=4).train_batches()):
        list(batches.epoch(0))
    assert random_numbers()
    learn = learner(data)
    assert random_numbers()
    learn.lr_find(num_it=12)
    assert random_numbers()
    learn.get_preds()
    learn.validate()
    folder = learn.export()
    Predictor.load(folder)
    assert random_numbers()
    learn.fit(1)
    assert random_numbers()


@pytest.fixture
def no_moment(
    monkeypatch: pytest.MonkeyPatch, random_numbers: Callable[[], bool]
) -> Callable[[], bool]:
    """Let whoever sets a global generator fail; the answer tells whether none was drawn from.

    What is drawn and put back again is found by the putting back.
    """

    def drawn(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("global random numbers were set")

    for module, name in [
        (torch, "manual_seed"),
        (torch, "seed"),
        (torch, "set_rng_state"),
        (torch.random, "manual_seed"),
        (torch.random, "set_rng_state"),
        (torch.random, "fork_rng"),
        (torch.cuda, "set_rng_state"),
        (torch.cuda, "manual_seed_all"),
        (np.random, "seed"),
        (np.random, "set_state"),
        (random, "seed"),
        (random, "setstate"),
    ]:
        monkeypatch.setattr(module, name, drawn)
    return random_numbers


def test_random_numbers_are_not_drawn_even_for_a_moment_by_prediction_and_preparation(
    predictor: Predictor, writer: Writer, tmp_path: Path, no_moment: Callable[[], bool]
) -> None:
    predictor.predict_many(TEXTS[:5])
    writer.predict("the", 3)
    writer.perplexities(TEXTS[:2])
    saved = SavedModel(predictor.model, predictor.tokenizer, predictor.classes)
    Predictor.load(save_model(tmp_path / "model", saved)).predict("the")
    texts = TextList.from_texts(TEXTS[:60], tmp_path).split_by_rand_pct(0.2, seed=1)
    list(texts.label_for_lm().databunch(bs=4, min_freq=1).train_batches().epoch(0))
    assert no_moment()


@pytest.mark.parametrize("kind", ["data", "lm_data"])
def test_random_numbers_are_not_drawn_even_for_a_moment_by_making_a_learner_and_training(
    kind: str, request: Any, tmp_path: Path, no_moment: Callable[[], bool]
) -> None:
    data = request.getfixturevalue(kind)
    make = text_classifier_learner if kind == "data" else language_model_learner
    seen: list[bool] = []

    class Look(Callback):
        def on_step_end(self, run: Run) -> None:
            if len(seen) < 5:
                seen.append(no_moment())
            if len(seen) == 3:
                raise KeyError("stopped")

    def program() -> None:
        learn = make(data, config=SMALL, checkpoint_dir=tmp_path / "runs", checkpoint_every=2)
        learn.lr_find(num_it=5)
        learn.fit_one_cycle(1, 1e-2, callbacks=Look())

    with pytest.raises(KeyError, match="stopped"):
        program()
    program()  # goes on from its checkpoint
    assert no_moment()
    assert seen == [True] * 5


METHODS = [name for name in ("fork", "spawn") if name in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
def test_processes_predict_from_a_folder_what_this_one_predicts(
    method: str, predictor: Predictor, tmp_path: Path
) -> None:
    saved = SavedModel(predictor.model, predictor.tokenizer, predictor.classes)
    folder = str(save_model(tmp_path / "model", saved))
    expected = predictor.probabilities(TEXTS[:5])  # this process has used torch before it forks
    processes = 2 if method == "fork" else 1  # spawned ones take seconds to import torch
    with multiprocessing.get_context(method).Pool(processes) as pool:
        found = pool.starmap(answers_of, [(folder, TEXTS[:5])] * 4, chunksize=1)
    for answers in found:
        assert answers == expected.tolist()


def test_importing_training_and_predicting_open_no_connection(tmp_path: Path) -> None:
    program = """
        import socket

        def refused(*args, **kwargs):
            raise AssertionError("a connection was opened")

        class Refused(socket.socket):
            __init__ = refused

        socket.socket = Refused
        for name in ("create_connection", "getaddrinfo", "gethostbyname"):
            setattr(socket, name, refused)
        import steadfit
        from steadfit import *
        for name in steadfit.__all__:
            getattr(steadfit, name)
        texts = [f"the film was {w} and {w}" for w in ("good", "bad")] * 8
        made = TextList.from_texts(texts).split_by_idx([0, 1]).label_from_list(["p", "n"] * 8)
        data = made.databunch(bs=4, min_freq=1)
        learn = text_classifier_learner(data, config={"emb_sz": 4, "n_hid": 5, "n_layers": 1})
        learn.lr_find(num_it=3)
        learn.fit_one_cycle(1)
        learn.get_preds()
        print(load_learner(learn.export()).predict("good").label in ("p", "n"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True"
