"""Learners: the notebook's calls in their order, and what each leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.metrics import f1_score

from steadfit import (
    Callback,
    DataError,
    EarlyStopping,
    RNNTrainer,
    RNNTrainerNorm,
    TextList,
    TrainingError,
    accuracy,
    language_model_learner,
    text_classifier_learner,
)
from steadfit.training.penalty_terms import Penalties


def weights(learn: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learn.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_notebooks_calls_run_in_their_order(
    lm: Any, clas: Any, make_data: Any, lm_data: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = lm()
    learn.lr_find()
    learn.recorder.plot(skip_end=15)
    learn.fit_one_cycle(1, 1e-2, moms=(0.8, 0.7))
    learn.save_encoder("fine_tuned_enc")
    data_clas = make_data(lm_data.vocab)
    learn = clas(data_clas)
    learn.load_encoder("fine_tuned_enc")
    learn.fit_one_cycle(2, 2e-2, moms=(0.8, 0.7))
    learn.freeze_to(-2)
    learn.lr_find()
    assert isinstance(learn.recorder.plot(), Figure)
    learn.fit_one_cycle(2, 1e-3, moms=(0.8, 0.7), callbacks=[RNNTrainerNorm()])
    learn.unfreeze()
    learn.fit_one_cycle(1, slice(1e-4, 1e-3), (0.8, 0.7))
    assert learn.data is data_clas
    lines = capsys.readouterr().out.splitlines()
    tables = [line.split() for line in lines if line.startswith("epoch")]
    assert tables[0] == ["epoch", "train_loss", "valid_loss", "accuracy", "perplexity", "time"]
    assert tables[1:] == [["epoch", "train_loss", "valid_loss", "accuracy", "time"]] * 3
    assert [line.split()[0] for line in lines if line[:1].isdigit()] == list("001010")


def test_a_start_from_scratch_says_so_in_one_line(
    lm: Any, clas: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for make, name in ((lm, "language_model_learner"), (clas, "text_classifier_learner")):
        for pretrained in (None, False):
            make(pretrained=pretrained)
            (line,) = capsys.readouterr().out.splitlines()
            assert line == f"{name}: no pretrained weights, training starts from scratch."


def test_a_learner_leaves_the_callers_random_numbers_alone(lm: Any, clas: Any) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for learn in (lm(), clas()):
        learn.lr_find(num_it=3)
        learn.fit_one_cycle(1, 1e-3)
        learn.validate()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_the_same_seed_gives_the_same_learner_and_another_does_not(clas: Any) -> None:
    found = []
    for seed in (1, 1, 2):
        learn = clas(seed=seed)
        learn.fit_one_cycle(1, 1e-2)
        learn.fit(1, 1e-3)
        found.append(weights(learn))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_lr_find_leaves_weights_history_and_frozen_layers(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(1, 1e-2)
    learn.freeze_to(-2)
    before, steps = weights(learn), list(learn.recorder.history.steps)
    flags = [p.requires_grad for p in learn.model.parameters()]
    learn.lr_find(num_it=20)
    assert same(weights(learn), before)
    assert learn.recorder.history.steps == steps
    assert [p.requires_grad for p in learn.model.parameters()] == flags
    assert not learn.model.training


@pytest.mark.parametrize("maker", ["lm", "clas"])
def test_validate_gives_the_last_epochs_figures(maker: str, request: Any) -> None:
    learn = request.getfixturevalue(maker)()
    learn.fit_one_cycle(2, 1e-2)
    last = learn.recorder.history.epochs[-1]
    assert learn.validate() == [last.valid_loss, *last.metrics.values()]


def test_the_figures_of_predictions_are_those_of_validation(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(3, 2e-2)
    probabilities, labels = learn.get_preds()
    loss, share = learn.validate()
    assert (probabilities.argmax(1) == labels).float().mean().item() == pytest.approx(share)
    picked = probabilities[torch.arange(len(labels)), labels]
    assert -picked.log().mean().item() == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize("part", ["train", "valid"])
def test_predictions_come_in_the_order_of_the_input(clas: Any, reviews: Path, part: str) -> None:
    learn = clas()
    learn.fit_one_cycle(1, 2e-2)
    files = sorted(reviews.glob(f"{'train' if part == 'train' else 'test'}/*/*.txt"))
    probabilities, labels = learn.get_preds(part)
    assert len({len(file.read_text()) for file in files}) > 3  # batches are not in this order
    assert [("neg", "pos")[label] for label in labels] == [file.parent.name for file in files]
    one_by_one = [learn.predict(file.read_text()).probabilities for file in files]
    torch.testing.assert_close(probabilities, torch.stack(one_by_one), rtol=0, atol=1e-5)


def test_a_trained_learner_tells_the_classes_apart(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(8, 2e-2)
    label, index, probabilities = learn.predict("a superb and lovely film, the best")
    assert (label, index) == ("pos", 1)
    assert probabilities[1] > 0.5
    assert learn.predict_many(["awful, boring, the worst"])[0].label == "neg"


@pytest.mark.parametrize("where", ["learner", "fit"])
@pytest.mark.parametrize(
    ("name", "logged"),
    [
        (RNNTrainer(0.0, 3.0), {"tar"}),
        (RNNTrainerNorm(), {"ar", "tar", "norm"}),
        (RNNTrainerNorm(0.0, 0.0, 5.0), {"norm"}),
        (RNNTrainer(), set()),
    ],
)
def test_penalty_callbacks_hold_for_a_fit(
    clas: Any, tmp_path: Path, where: str, name: Any, logged: set[str]
) -> None:
    learn = clas(callbacks=[name] if where == "learner" else [])
    learn.fit_one_cycle(1, 1e-3, callbacks=name if where == "fit" else [])
    step = learn.recorder.history.steps[-1]
    assert step.penalties.keys() == logged
    assert learn.objective.penalties == Penalties(2.0, 1.0, 0.0)  # the usual ones again
    learn.export()
    config = json.loads((tmp_path / "export" / "config.json").read_text())
    assert Penalties(**config["penalties"]) == name.penalties
    learn.fit(1, 1e-3)
    assert learn.recorder.history.steps[-1].penalties.keys() == (
        logged if where == "learner" else {"ar", "tar"}
    )


def test_penalty_callbacks_of_a_learner_hold_for_lr_find(clas: Any) -> None:
    losses = [
        clas(callbacks=callbacks, alpha=0.0, beta=0.0).lr_find(1e-3, 1.0, num_it=5).losses
        for callbacks in ([], [RNNTrainerNorm(0.0, 0.0, 1e6)])
    ]
    assert losses[0][0] == pytest.approx(losses[1][0])
    assert losses[0] != losses[1]


def test_the_usual_penalties_return_after_a_failed_fit(clas: Any) -> None:
    class Fail(Callback):
        def on_step_end(self, run: Any) -> None:
            raise KeyboardInterrupt

    learn = clas()
    with pytest.raises(KeyboardInterrupt):
        learn.fit_one_cycle(1, 1e-3, callbacks=[Fail(), RNNTrainerNorm()])
    assert learn.objective.penalties == Penalties(2.0, 1.0, 0.0)
    assert not learn.model.training


@pytest.mark.parametrize("name", [RNNTrainer, RNNTrainerNorm])
def test_penalties_take_no_learner_as_in_fastai(clas: Any, name: Any) -> None:
    with pytest.raises(DataError, match="alpha is"):
        name(clas(), 2.0)


@pytest.mark.parametrize("wrong", [EarlyStopping, RNNTrainer, "early", lambda learn: None])
def test_what_is_no_callback_is_refused_and_not_passed_over(clas: Any, wrong: Any) -> None:
    with pytest.raises(DataError, match="A callback is"):
        clas(callbacks=[wrong])
    learn = clas()
    before = weights(learn)
    with pytest.raises(DataError, match="A callback is"):
        learn.fit_one_cycle(1, 1e-3, callbacks=[wrong])
    assert same(weights(learn), before)


def test_metrics_are_one_or_many(clas: Any, lm: Any) -> None:
    assert [metric.name for metric in clas(metrics=accuracy).metrics] == ["accuracy"]
    learn = clas(metrics=[accuracy, f1_score])
    learn.fit(1, 1e-3)
    probabilities, labels = learn.get_preds()
    expected = f1_score(labels, probabilities.argmax(1))
    assert learn.recorder.history.epochs[-1].metrics["f1_score"] == pytest.approx(expected)
    with pytest.raises(DataError, match="f1_score reads labels"):
        lm(metrics=[f1_score])


def test_data_of_the_wrong_kind_is_refused_with_the_call_that_makes_the_right_one(
    lm_data: Any, data: Any, reviews: Path
) -> None:
    with pytest.raises(DataError, match="label_for_lm"):
        language_model_learner(data)
    with pytest.raises(DataError, match="label_from_folder"):
        text_classifier_learner(lm_data)
    texts = TextList.from_folder(reviews).split_none().label_for_lm()
    with pytest.raises(DataError, match="TextList; give what databunch"):
        language_model_learner(texts)
    with pytest.raises(DataError, match="accepted is AWD_LSTM"):
        language_model_learner(lm_data, "Transformer")


def test_a_config_key_that_does_not_exist_is_refused(lm: Any) -> None:
    with pytest.raises(DataError, match="n_hidden"):
        lm(config={"n_hidden": 8})


def test_a_batch_of_more_rows_than_documents_trains(clas: Any, make_data: Any) -> None:
    learn = clas(make_data(bs=500))
    learn.fit_one_cycle(3, 1e-2)
    assert len(learn.recorder.history.steps) == 3
    assert len(learn.get_preds("train")[0]) == 24


def test_a_batch_of_one_document_is_refused_where_it_would_fail_later(
    clas: Any, make_data: Any
) -> None:
    with pytest.raises(DataError, match="bs=1"):
        clas(make_data(bs=1))


def test_data_without_a_validation_part_trains_and_cannot_be_validated(
    clas: Any, reviews: Path, tmp_path: Path
) -> None:
    texts = TextList.from_folder(reviews).split_none().label_from_folder()
    learn = clas(texts.databunch(tmp_path, bs=6, min_freq=1))
    learn.fit_one_cycle(1, 1e-2)
    assert learn.recorder.val_losses == [None]
    for call in (learn.validate, learn.get_preds):
        with pytest.raises(DataError, match="no validation part"):
            call()
    assert len(learn.get_preds("train")[0]) == 36


def test_a_part_that_does_not_exist_is_refused(clas: Any) -> None:
    with pytest.raises(DataError, match="'valid' and 'train'"):
        clas().get_preds("test")


def test_a_rate_far_too_high_ends_in_an_error_with_finite_weights(clas: Any) -> None:
    learn = clas()
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        learn.fit(2, 1e30)
    assert all(value.isfinite().all() for value in weights(learn).values())


def test_arguments_stand_where_fastai_has_them(clas: Any) -> None:
    learn = clas()
    learn.fit_one_cycle(1, 1e-3, (0.95, 0.85))
    assert learn.recorder.moms[0] == pytest.approx(0.95)
    learn.fit(1, 1e-3, 0.1)  # epochs, lr, wd
    learn.lr_find(1e-5, 1.0, 12, False)
    assert len(learn.recorder.lrs) == 12
    with pytest.raises(TypeError):
        learn.fit_one_cycle(1, 1e-3, (0.95, 0.85), 25.0)  # there the fourth is div_factor


def test_three_momenta_of_fastai_2_are_explained(clas: Any) -> None:
    with pytest.raises(DataError, match="leave the last one out"):
        clas().fit_one_cycle(1, 1e-3, moms=(0.8, 0.7, 0.8))


def test_settings_reach_the_fit(clas: Any) -> None:
    seen = {}

    class Look(Callback):
        def on_fit_begin(self, run: Any) -> None:
            seen.update(vars(run.plan), steps=run.steps)

    learn = clas(wd=0.2, clip=0.5, accumulate=2, bf16=True, seed=9, callbacks=Look())
    learn.fit_one_cycle(1, slice(1e-3), wd=0.3)
    expected = {"wd": 0.3, "clip": 0.5, "accumulate": 2, "bf16": True, "seed": 9, "stage": 0}
    assert {name: seen[name] for name in expected} == expected
    assert (seen["steps"], seen["first_epoch"]) == (2, 0)
    learn.fit(2, 1e-3)
    assert (seen["stage"], seen["first_epoch"], seen["wd"]) == (1, 1, 0.2)


def test_the_optimizer_reaches_every_fit_of_a_language_model(lm: Any) -> None:
    plans = []

    class Look(Callback):
        def on_fit_begin(self, run: Any) -> None:
            plans.append((run.plan.optimizer, run.plan.nonmono))

    learn = lm(optimizer="nt-asgd", nonmono=2, wd=1.2e-6, clip=0.25, callbacks=Look())
    learn.fit(1, 1.0)
    learn.fit_one_cycle(1, 1.0)
    assert plans == [("nt-asgd", 2)] * 2
    assert {step.momentum for step in learn.recorder.history.steps} == {0.0}
