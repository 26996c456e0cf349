"""fastai 2: its learners with our callback in the place of its `RNNRegularizer`."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import torch
from fastai.basics import DataLoader, DataLoaders, Learner
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision
from fastai.callback.rnn import RNNRegularizer, rnn_cbs
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import SGD
from fastai.text.data import TensorText, pad_input_chunk
from fastai.text.models.awdlstm import (
    AWD_LSTM,
    awd_lstm_clas_config,
    awd_lstm_clas_split,
    awd_lstm_lm_config,
)
from fastai.text.models.core import get_language_model, get_text_classifier
from torch import Tensor

from steadfit.integrations.fastai import PenaltyCallback
from steadfit.kernels.precision import has_bf16_lstm
from steadfit.penalties import warm_up
from tests.integrations.by_hand import by_hand, close, raises
from tests.integrations.page import run_block

WORDS, PAD, WINDOW = 30, 1, 5
SMALL = {"emb_sz": 6, "n_hid": 8, "n_layers": 2}
Batch = tuple[Tensor, Tensor]


class Seen(Callback):
    """Keeps what the callbacks before it left, batch by batch."""

    order = PenaltyCallback.order + 1

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[dict[str, Any]] = []

    def after_loss(self) -> None:
        loss, added = self.learn.loss.detach(), (self.loss_grad - self.learn.loss).detach()
        ids, raw, dropped = self.xb[0], self.rnn.raw_out.detach(), self.rnn.out.detach()
        plain = self.loss_func(self.pred, *self.yb).detach()
        kept = {"loss": loss, "plain": plain, "added": added}
        kept |= {"ids": ids, "raw": raw, "dropped": dropped}
        tensors = {name: value.as_subclass(Tensor) for name, value in kept.items()}
        self.batches.append({"training": self.training, **tensors})


def learner(model: Any, batches: list[Batch], *callbacks: Any, **settings: Any) -> Learner:
    items = [DataLoader(batches, bs=None, shuffle=False) for _ in range(2)]
    return Learner(
        DataLoaders(*items),
        model,
        loss_func=CrossEntropyLossFlat(),
        opt_func=SGD,
        lr=0.1,
        cbs=[*rnn_cbs(), *callbacks],
        **settings,
    )


def language_model(rows: int, time: int, count: int = 1) -> tuple[Any, list[Batch]]:
    torch.manual_seed(1)
    model = get_language_model(AWD_LSTM, WORDS, {**awd_lstm_lm_config, **SMALL})
    streams = torch.randint(2, WORDS, (count, rows, time + 1))
    return model, [(TensorText(ids[:, :-1]), TensorText(ids[:, 1:])) for ids in streams]


def classifier(lengths: list[int], **settings: Any) -> tuple[Any, list[Batch]]:
    """Return a classifier of windows, and documents padded as fastai pads them."""
    torch.manual_seed(2)
    config = {**awd_lstm_clas_config, **SMALL}
    model = get_text_classifier(AWD_LSTM, WORDS, 2, seq_len=WINDOW, config=config, **settings)
    documents = [(TensorText(torch.randint(2, WORDS, (length,))),) for length in lengths]
    padded = torch.stack([row[0] for row in pad_input_chunk(documents, seq_len=WINDOW)])
    return model, [(padded, torch.arange(len(lengths)) % 2)]


def fit(learn: Learner, seed: int = 3) -> Learner:
    torch.manual_seed(seed)
    with learn.no_logging(), learn.no_mbar():
        learn.fit(1)
    return learn


def trained_on(learn: Learner) -> list[dict[str, Any]]:
    return [batch for batch in learn.seen.batches if batch["training"]]


def weights(learn: Learner) -> Tensor:
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()])


def expected(batch: dict[str, Any], real: Tensor, *coefficients: float) -> float:
    return by_hand(batch["dropped"], batch["raw"], real, *coefficients)


def test_a_language_models_penalty_is_that_of_plain_loops(folder: Path) -> None:
    model, batches = language_model(rows=3, time=7, count=3)
    seen = trained_on(fit(learner(model, batches, PenaltyCallback(2.0, 1.0, 50.0), Seen())))
    assert len(seen) == 3
    for batch in seen:
        assert not torch.equal(batch["dropped"], batch["raw"])
        real = torch.ones_like(batch["ids"], dtype=torch.bool)
        close(batch["added"], expected(batch, real, 2.0, 1.0, 50.0))


def test_padding_in_a_language_models_windows_does_not_count(folder: Path) -> None:
    model, [(ids, targets)] = language_model(rows=3, time=7)
    ids[0, 4:], ids[2, :2] = PAD, PAD
    seen = fit(learner(model, [(ids, targets)], PenaltyCallback(2.0, 1.0, 50.0), Seen())).seen
    batch = seen.batches[0]
    close(batch["added"], expected(batch, batch["ids"] != PAD, 2.0, 1.0, 50.0))
    everything = expected(batch, torch.ones(3, 7, dtype=torch.bool), 2.0, 1.0, 50.0)
    assert abs(float(batch["added"]) / everything - 1) > 1e-3


def test_another_id_of_padding_can_be_named(folder: Path) -> None:
    model, batches = language_model(rows=3, time=7)
    callback = PenaltyCallback(2.0, 1.0, 50.0, pad_idx=int(batches[0][0][1, 3]))
    batch = fit(learner(model, batches, callback, Seen())).seen.batches[0]
    real = batch["ids"] != callback.pad_idx
    assert not real.all()
    close(batch["added"], expected(batch, real, 2.0, 1.0, 50.0))


def test_training_goes_as_with_fastais_regularizer_where_that_is_right(folder: Path) -> None:
    ours, theirs, neither = (
        fit(learner(model, batches, *callbacks))
        for (model, batches), callbacks in (
            (language_model(rows=3, time=7, count=4), [PenaltyCallback(alpha=2.0, beta=1.0)]),
            (language_model(rows=3, time=7, count=4), [RNNRegularizer(alpha=2.0, beta=1.0)]),
            (language_model(rows=3, time=7, count=4), []),
        )
    )
    close(weights(ours), weights(theirs))
    assert float((weights(ours) - weights(neither)).abs().max()) > 1e-3


def test_a_classifiers_penalty_is_fastais_over_all_windows_without_padding(folder: Path) -> None:
    ours, theirs = (
        fit(learner(*classifier([13, 13, 13]), regularizer, Seen())).seen.batches[0]
        for regularizer in (PenaltyCallback(2.0, 1.0), RNNRegularizer(2.0, 1.0))
    )
    assert torch.equal(ours["raw"], theirs["raw"])
    close(ours["added"], theirs["added"])


def test_a_classifiers_padding_and_the_rows_fastai_leaves_out_do_not_count(folder: Path) -> None:
    model, batches = classifier([16, 14, 11, 6])
    [batch] = trained_on(fit(learner(model, batches, PenaltyCallback(2.0, 1.0, 50.0), Seen())))
    ids, real = batch["ids"], torch.zeros(4, 16, dtype=torch.bool)
    for start in range(0, 16, WINDOW):
        run = int((ids[:, start] != PAD).sum())  # the first so many rows, whichever they are
        real[:run, start : start + WINDOW] = ids[:run, start : start + WINDOW] != PAD
    tokens = ids != PAD
    assert (tokens & ~real).any()  # rows that fastai left out
    assert not tokens.all()
    close(batch["added"], expected(batch, real, 2.0, 1.0, 50.0))
    assert abs(float(batch["added"]) / expected(batch, tokens, 2.0, 1.0, 50.0) - 1) > 1e-3


def test_of_a_long_document_the_end_counts_that_the_classifier_keeps(folder: Path) -> None:
    model, batches = classifier([20, 10], max_len=10)
    [batch] = trained_on(fit(learner(model, batches, PenaltyCallback(2.0, 1.0, 50.0), Seen())))
    assert batch["raw"].shape[1] == 10 < batch["ids"].shape[1]
    real = batch["ids"][:, -10:] != PAD
    close(batch["added"], expected(batch, real, 2.0, 1.0, 50.0))


def test_tar_is_right_for_one_row_where_fastais_is_off(folder: Path) -> None:
    ours, theirs = (
        fit(learner(*language_model(rows=1, time=7), regularizer, Seen())).seen.batches[0]
        for regularizer in (PenaltyCallback(0.0, 1e3), RNNRegularizer(0.0, 1e3))
    )
    assert float(theirs["added"]) == 0
    close(ours["added"], expected(ours, torch.ones(1, 7, dtype=torch.bool), 0.0, 1e3, 0.0))


def test_one_step_has_no_change_where_fastais_tar_is_nan(folder: Path) -> None:
    ours, theirs = (
        fit(learner(*language_model(rows=3, time=1), regularizer, Seen())).seen.batches[0]
        for regularizer in (PenaltyCallback(0.0, 1.0, 50.0), RNNRegularizer(0.0, 1.0))
    )
    assert float(theirs["added"]) != float(theirs["added"])
    assert float(ours["added"]) == 0


def test_two_directions_have_a_norm_each(folder: Path) -> None:
    torch.manual_seed(4)
    config = {**awd_lstm_lm_config, **SMALL, "bidir": True}
    model, batches = get_language_model(AWD_LSTM, WORDS, config), language_model(3, 7)[1]
    learn = fit(learner(model, batches, PenaltyCallback(0.0, 0.0, 50.0), Seen()))
    batch = trained_on(learn)[0]
    both = torch.cat(batch["raw"].chunk(2, dim=2))
    real = torch.ones(6, 7, dtype=torch.bool)
    close(batch["added"], by_hand(both, both, real, 0.0, 0.0, 50.0))


def test_gradual_unfreezing_needs_nothing(folder: Path) -> None:
    model, batches = classifier([13, 9])
    callback = PenaltyCallback(2.0, 1.0, 50.0)
    learn = learner(model, batches, callback, Seen(), splitter=awd_lstm_clas_split)
    added = []
    for group in (-1, -2, -3, 0):  # head; upper layer; lower layer; embedding
        learn.freeze_to(group)
        fit(learn)
        added.append(float(trained_on(learn)[-1]["added"]))
        assert set(callback.terms) == ({"ar", "tar", "norm"} if added[-1] else set())
    assert added[0] == 0
    assert min(added[1:]) > 0
    assert callback.step == 3


def test_validation_is_not_penalised_and_the_reported_loss_is_the_plain_one(folder: Path) -> None:
    learn = fit(learner(*language_model(rows=3, time=7, count=2), PenaltyCallback(), Seen()))
    validation = [batch for batch in learn.seen.batches if not batch["training"]]
    assert len(validation) == 2
    assert all(float(batch["added"]) == 0 for batch in validation)
    for batch in trained_on(learn):
        assert float(batch["added"]) > 0
        assert float(batch["loss"]) == float(batch["plain"])


class OnTheCPU(MixedPrecision):
    """fastai's mixed precision, which names CUDA, for the processor."""

    def before_fit(self) -> None:
        super().before_fit()
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16)


def test_in_mixed_precision_the_penalty_is_computed_in_float32(folder: Path) -> None:
    if not has_bf16_lstm():
        raise unittest.SkipTest("PyTorch has no LSTM in bfloat16 for this processor")
    model, batches = language_model(rows=3, time=7)
    callback = PenaltyCallback(2.0, 1.0, 50.0)
    batch = fit(learner(model, batches, callback, OnTheCPU("bf16"), Seen())).seen.batches[0]
    assert batch["raw"].dtype == torch.bfloat16
    assert {value.dtype for value in callback.terms.values()} == {torch.float32}
    real = torch.ones(3, 7, dtype=torch.bool)
    close(sum(callback.terms.values()), expected(batch, real, 2.0, 1.0, 50.0))


def test_a_schedule_goes_on_over_fits(folder: Path) -> None:
    model, batches = language_model(rows=3, time=7, count=2)
    callback = PenaltyCallback(warm_up(2.0, 4), 0.0)
    learn = learner(model, batches, callback, Seen())
    fit(learn)
    fit(learn)
    real = torch.ones(3, 7, dtype=torch.bool)
    for step, batch in enumerate(trained_on(learn)):
        close(batch["added"], expected(batch, real, 2.0 * step / 4, 0.0, 0.0))
    assert callback.step == 4


def test_fastais_own_regularizer_must_go(folder: Path) -> None:
    learn = learner(*language_model(3, 7), RNNRegularizer(2.0, 1.0), PenaltyCallback())
    with raises(RuntimeError, "learn.remove_cb(RNNRegularizer)"):
        fit(learn)
    learn.remove_cb(RNNRegularizer)
    fit(learn)


def test_a_learner_that_does_not_know_its_outputs_is_told_how_to(folder: Path) -> None:
    learn = learner(*language_model(3, 7), PenaltyCallback())
    learn.remove_cb(learn.rnn)
    with raises(RuntimeError, "rnn_cbs()"):
        fit(learn)


def test_the_code_on_the_page_runs(folder: Path) -> None:
    dls = learner(*language_model(rows=2, time=3)).dls
    dls.vocab = [f"word{number}" for number in range(WORDS)]
    names = run_block("fastai", dls=dls)
    assert set(names["learn"].penalty.terms) == {"ar", "tar", "norm"}
