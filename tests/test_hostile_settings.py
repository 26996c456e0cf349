"""Every public argument is looked at where it comes in: wrong ones are named, not stumbled over."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import steadfit
from steadfit import (
    AWD_LSTM,
    AverageWeights,
    BestModel,
    Corpus,
    CSVLog,
    DataBunch,
    EarlyStopping,
    JSONLinesLog,
    Predictor,
    RNNTrainer,
    RNNTrainerNorm,
    SteadfitError,
    SubwordTokenizer,
    TextClasDataBunch,
    TextList,
    TextLMDataBunch,
    Tokenizer,
    Vocab,
    Writer,
    flatten_model,
    language_model_learner,
    load_data,
    load_learner,
    read_corpus,
    read_csv,
    read_folder,
    read_frame,
    read_jsonl,
    read_parquet,
    read_texts,
    read_tsv,
    text_classifier_learner,
    untar_data,
)

SMALL = {"emb_sz": 4, "n_hid": 5, "n_layers": 2}
TEXTS = ["a good film", "a bad film", "good good", "bad bad bad"] * 3
LABELS = ["pos", "neg", "pos", "neg"] * 3

NOTHING: list[Any] = [None]
NUMBERS: list[Any] = [math.nan, math.inf, -math.inf]
OTHERS: list[Any] = ["x", b"x", [], {}, object(), 1j]
# What no argument of a kind may be. Whatever is left out is accepted, or depends on the argument.
COUNT = [*NOTHING, *NUMBERS, *OTHERS, -1, 0, 0.5, True, 2**70, np.array([1, 2])]
NATURAL = [*NOTHING, *NUMBERS, *OTHERS, -1, 0.5, True, 2**70]
COEFFICIENT = [*NOTHING, *NUMBERS, *OTHERS, -1, -0.5]
FRACTION = [*NOTHING, *NUMBERS, *OTHERS, -0.1, 0, 1, 2]
FLAG = [*NOTHING, *NUMBERS, *OTHERS, 2]
PATH = [None, math.nan, 3, [], {}, object(), "a\0b"]
TEXT = [None, math.nan, 3, [], {}, b"x", object()]
LIST_OF_TEXTS = [None, 3, "x", b"x", [None], [3], [b"x"], ["x", None], object()]
NAME = [math.nan, 3.5, [], {}, object(), ""]
MODULE = [None, 3, "x", [], object()]

Call = Callable[[Any], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("hostile")
    rows = [f"{label},{text}\n" for label, text in zip(LABELS, TEXTS, strict=True)]
    (path / "t.csv").write_text("label,text\n" + "".join(rows))
    (path / "t.tsv").write_text("label\ttext\npos\tgood\nneg\tbad\n")
    (path / "t.jsonl").write_text('{"text": "good", "label": "pos"}\n')
    for label, text in zip(LABELS, range(12), strict=True):
        (path / "train" / label).mkdir(parents=True, exist_ok=True)
        (path / "train" / label / f"{text}.txt").write_text(f"a {label} film")
    texts = TextList.from_texts(TEXTS, path).split_by_idx([8, 9, 10, 11])
    lm = texts.label_for_lm().databunch(bs=2, bptt=5, min_freq=1)
    clas = texts.label_from_list(LABELS).databunch(bs=2, min_freq=1)
    lm_learner = language_model_learner(lm, AWD_LSTM, config=SMALL)
    clas_learner = text_classifier_learner(clas, AWD_LSTM, config=SMALL)
    predictor = load_learner(clas_learner.export("clas"))
    writer = load_learner(lm_learner.export("lm"))
    return {
        "path": path, "texts": texts, "lm": lm, "clas": clas, "lm_learner": lm_learner,
        "clas_learner": clas_learner, "predictor": predictor, "writer": writer,
        "corpus": read_texts(TEXTS, LABELS), "vocab": lm.vocab,
    }  # fmt: skip


def keywords(make: Callable[..., object], table: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: (make, name, values) for name, values in table.items()}


def calls(m: dict[str, Any]) -> dict[str, tuple[Call, list[Any]]]:
    """Return, by a name, a call with one argument open, and values it must refuse."""
    path, texts, corpus = m["path"], m["texts"], m["corpus"]
    csv, jsonl = path / "t.csv", path / "t.jsonl"
    listing: dict[str, tuple[Call, list[Any]]] = {}

    def add(what: str, call: Callable[..., object], **arguments: list[Any]) -> None:
        for name, values in arguments.items():
            listing[f"{what} {name}"] = (
                lambda value, call=call, name=name: call(**{name: value}),  # type: ignore[misc]
                values,
            )

    columns = {"text": [None, *NAME, "no", 9, -1], "label": [*NAME, "no", 9, -1],
               "group": [*NAME, "no", 9]}  # fmt: skip
    encodings = [None, 3, "no", "", "a\0b", b"utf-8", "rot13"]
    add("read_csv", lambda **a: read_csv(**{"path": csv, **a}), path=PATH, encoding=encodings,
        delimiter=[3, "", "ab", "\n", '"', b","], header=FLAG, quotes=FLAG, **columns)  # fmt: skip
    add("read_tsv", lambda **a: read_tsv(**{"path": path / "t.tsv", **a}), path=PATH,
        encoding=encodings, header=FLAG, quotes=FLAG, **columns)  # fmt: skip
    add("read_jsonl", lambda **a: read_jsonl(**{"path": jsonl, **a}), path=PATH,
        encoding=encodings, text=[None, *NAME, "no", 9], label=[*NAME, "no"])  # fmt: skip
    add("read_corpus", lambda **a: read_corpus(**{"path": csv, **a}), path=[*PATH, "no"],
        encoding=encodings, **columns)  # fmt: skip
    add("read_folder", lambda **a: read_folder(**{"root": path, **a}), root=[*PATH, csv],
        extensions=[None, 3, [3], [], [None]], encoding=encodings)  # fmt: skip
    add("read_parquet", lambda **a: read_parquet(**{"path": csv, **a}), path=[*PATH, csv])
    add("read_frame", lambda **a: read_frame(**a), frame=[None, 3, "x", [], {}])
    add("read_texts", lambda **a: read_texts(**{"texts": TEXTS, **a}), texts=LIST_OF_TEXTS,
        labels=["x", 3, [None] * 12, [[]] * 12, ["a"], [math.nan] * 12],
        groups=["x", 3, [None] * 12, ["a"]])  # fmt: skip
    add("untar_data", untar_data, url=[None, 3, "x", "http://x", [], object()])

    add("Corpus", lambda **a: Corpus(**{"texts": TEXTS, **a}), texts=LIST_OF_TEXTS,
        labels=["x", 3, ["a"], [3] * 12, ["\ud800"] * 12], groups=["x", 3, ["a"], [3] * 12],
        split=["x", 3, ["train"], ["other"] * 12, [0] * 12], names=["x", 3, [3] * 12])  # fmt: skip
    add("Corpus.split_randomly", lambda **a: corpus.split_randomly(**{"fraction": 0.5, **a}),
        fraction=FRACTION, seed=NATURAL)  # fmt: skip
    add("Corpus.select", corpus.select, rows=[None, 3, "x", [99], [-1], [0, 0], [0.5], [None]])
    add("Corpus.part", corpus.part, name=[None, 3, "x", []])
    add("Corpus.split_by_rows", corpus.split_by_rows, valid_rows=[None, 3, [], [99], ["x"]])
    add("Corpus.with_labels", corpus.with_labels, labels=[None, 3, "x", ["a"], [3] * 12])
    add("Corpus.filter_by_folder", read_folder(path).filter_by_folder,
        include=[3, [3], ["no"], []], exclude=[3, ["train"]])  # fmt: skip
    add("Corpus.label_from_folder", read_folder(path).label_from_folder,
        classes=[3, [3], ["no"], ["pos"]])  # fmt: skip
    add("Corpus.split_by_folder", read_folder(path).split_by_folder,
        train=[None, 3, "no", []], valid=[None, 3, "no", "train"])  # fmt: skip

    add("TextList.from_folder", lambda **a: TextList.from_folder(**{"path": path, **a}),
        path=PATH, extensions=[3, [3], []], vocab=[3, "x", []], encoding=encodings)  # fmt: skip
    add("TextList.from_csv",
        lambda **a: TextList.from_csv(**{"path": path, "csv_name": "t.csv", **a}),
        path=PATH, csv_name=PATH, cols=[None, *NAME, [0, 1], 9], delimiter=[3, ""])  # fmt: skip
    add("TextList.from_df", lambda **a: TextList.from_df(**a), df=[None, 3, "x"])
    add("TextList.from_texts", lambda **a: TextList.from_texts(**{"texts": TEXTS, **a}),
        texts=LIST_OF_TEXTS, vocab=[3, "x"], path=[None, 3, []])  # fmt: skip
    add("TextList.split_by_rand_pct", texts.split_by_rand_pct, valid_pct=FRACTION,
        seed=NATURAL)  # fmt: skip
    add("TextList.split_by_idx", texts.split_by_idx, valid_idx=[None, 3, [], [99], ["x"]])
    add("TextList.label_from_list", texts.label_from_list,
        labels=[None, 3, "x", ["a"], [None] * 12])  # fmt: skip
    add("TextList.split_by_col", TextList.from_csv(path, "t.csv").split_by_col,
        col=[None, "no", 9, "text"])  # fmt: skip
    add("TextList.label_from_df", TextList.from_csv(path, "t.csv").label_from_df,
        cols=["no", 9, [0, 1]])  # fmt: skip
    add("TextList.databunch", lambda **a: texts.label_for_lm().databunch(**a), bs=COUNT,
        bptt=COUNT, val_bs=COUNT[1:], backwards=FLAG, min_freq=COUNT, max_vocab=[*COUNT, 8],
        seed=NATURAL, path=[3, [], "a\0b"], bptt_jitter=FLAG,
        tokenizer=["x", 3, []], vocab_size=COUNT)  # fmt: skip
    add("TextClasDataBunch.from_csv",
        lambda **a: TextClasDataBunch.from_csv(path, "t.csv", **a), valid_pct=FRACTION,
        text_cols=["no", 9], label_cols=["no", 9], classes=[["a", "b"], 3])  # fmt: skip
    add("TextLMDataBunch.from_folder",
        lambda **a: TextLMDataBunch.from_folder(path, "train", "valid", **a),
        bs=COUNT, vocab=[3, "x"], wrong=[1])  # fmt: skip
    add("DataBunch",
        lambda **a: DataBunch(**{"kind": "language-model", "store": m["lm"].store,
                                 "vocab": m["vocab"], "classes": (), "path": path, **a}),
        kind=[None, 3, "x"], bs=COUNT, bptt=COUNT, backwards=FLAG, bptt_jitter=FLAG)  # fmt: skip
    m["lm"].save("saved")
    add("load_data", lambda **a: load_data(**{"path": path, "file": "saved", **a}), path=PATH,
        file=[None, 3, [], "no", "a\0b", ""], bs=COUNT[1:], val_bs=COUNT[1:], bptt=COUNT[1:],
        backwards=FLAG[1:], bptt_jitter=FLAG[1:])  # fmt: skip
    add("DataBunch.save", m["lm"].save, file=[None, 3, [], "a\0b", ""])
    add("DataBunch.show_batch", m["lm"].show_batch, rows=[None, "x", 0.5, -1, []])

    vocab = m["vocab"]
    add(
        "Vocab",
        lambda **a: Vocab(**a),
        itos=[None, 3, "x", [], ["x"], [3], [*vocab.itos, "a", "a"]],
    )
    add("Vocab.from_counts",
        lambda **a: Vocab.from_counts(**{"tokens": ["a", "b"], "counts": [3, 4], **a}),
        tokens=[None, 3, ["a"], ["a", "a"], [3, 4]],
        counts=[None, 3, [1], ["x", "y"], [math.nan, 1], [None, 1]], max_vocab=[*COUNT, 8],
        min_freq=COUNT)  # fmt: skip
    add("Vocab.ids", vocab.ids, tokens=[None, 3])
    add("Vocab.textify", vocab.textify, ids=[None, 3, [-1], [10**9], ["x"], [None], [0.5]])
    tokenizer = Tokenizer(vocab)
    add("Tokenizer", lambda **a: Tokenizer(**a), vocab=[None, 3, "x", ["x"]])
    add("Tokenizer.encode", tokenizer.encode, text=TEXT)
    add("Tokenizer.decode", tokenizer.decode, ids=[None, 3, [-1], [10**9], ["x"], [math.nan]])
    add("Tokenizer.from_dict", Tokenizer.from_dict, content=[None, 3, "x", [], {}])
    add("Tokenizer.load", Tokenizer.load, path=[*PATH, path, "no"])
    pieces = SubwordTokenizer.train(["good film, good story"] * 9, 300)
    sizes = [None, -1, 0, 299, 1 << 17, 1.5, math.nan, "8000", True]
    no_texts = [None, 3, "x", [3], [None], [b"x"], []]
    add("SubwordTokenizer", lambda **a: SubwordTokenizer(**a), vocab=[None, 3, "x", ["x"], vocab])
    add("SubwordTokenizer.train", SubwordTokenizer.train, texts=no_texts)
    add("SubwordTokenizer.train", lambda **a: SubwordTokenizer.train(["good film"], **a),
        vocab_size=sizes, characters=[None, 0, -1, 1.5, "x"])  # fmt: skip
    add("SubwordTokenizer.encode", pieces.encode, text=TEXT)
    add("SubwordTokenizer.decode", pieces.decode, ids=[[-1], [10**9], ["x"], [math.nan], None, 3])

    learners: dict[str, list[Any]] = {
        "drop_mult": [*COEFFICIENT, 9], "pretrained": [3, True, "no", [], path],
        "config": [3, "x", {"no": 1}, {"n_hid": 0}, {"n_hid": "x"}],
        "metrics": [3, "accuracy", [3], [None]], "alpha": COEFFICIENT, "beta": COEFFICIENT,
        "beta_norm": COEFFICIENT, "callbacks": [3, "x", [3], [None]], "path": [3, [], object()],
        "wd": COEFFICIENT, "clip": [*COEFFICIENT[1:], 0], "accumulate": COUNT, "bf16": FLAG,
        "seed": NATURAL, "checkpoint_dir": [3, [], object()], "wrong": [1],
    }  # fmt: skip

    def language_model(**a: Any) -> object:
        everything = {"data": m["lm"], "arch": AWD_LSTM, "config": SMALL, **a}
        return language_model_learner(**everything)

    def classifier(**a: Any) -> object:
        everything = {"data": m["clas"], "arch": AWD_LSTM, "config": SMALL, **a}
        return text_classifier_learner(**everything)

    add("language_model_learner", language_model, data=[None, 3, "x", m["clas"]],
        arch=[None, 3, "AWD_LSTM", torch.nn.LSTM], nonmono=NATURAL,
        optimizer=[*NOTHING, *NUMBERS, *OTHERS, "adam"], **learners)  # fmt: skip
    add("text_classifier_learner", classifier, data=[None, 3, "x", m["lm"]],
        arch=[None, 3, "AWD_LSTM"], bptt=COUNT[1:], grad_tokens=COUNT, **learners)  # fmt: skip
    add("checkpoints", lambda **a: language_model(checkpoint_dir=path / "c", **a),
        checkpoint_every=COUNT)  # fmt: skip

    rates = [*NOTHING, *NUMBERS, *OTHERS, 0, -1, slice(None), slice(0, 1), slice("a", "b"),
             slice(1e-3, math.nan), [1e-3]]  # fmt: skip
    momenta = [
        None,
        3,
        "ab",
        (0.8,),
        (0.8, 0.7, 0.8),
        (math.nan, 0.7),
        (None, 0.7),
        (1, 2),
        ("a", "b"),
    ]
    for kind in ("lm", "clas"):
        learn = m[f"{kind}_learner"]
        add(f"{kind}.fit_one_cycle",
            lambda learn=learn, **a: learn.fit_one_cycle(**{"cyc_len": 1, **a}),
            cyc_len=COUNT, max_lr=rates, moms=momenta, wd=COEFFICIENT[1:],
            callbacks=[3, "x", [None]])  # fmt: skip
        add(f"{kind}.fit", lambda learn=learn, **a: learn.fit(**{"epochs": 1, **a}), epochs=COUNT,
            lr=rates, moms=momenta, wd=COEFFICIENT[1:], schedule=[None, 3, "no", []])  # fmt: skip
        add(f"{kind}.lr_find", learn.lr_find, start_lr=[*COEFFICIENT, 0, 99],
            end_lr=[*COEFFICIENT, 0], num_it=COUNT, stop_div=FLAG)  # fmt: skip
        add(f"{kind}.freeze_to", learn.freeze_to, n=[*NOTHING, *NUMBERS, *OTHERS, 0.5, 99, -99])
        for name in ("save", "save_encoder", "export"):
            add(
                f"{kind}.{name}",
                getattr(learn, name),
                name=[None, 3, [], "", "..", "../x", "/x", "a\0b"],
            )
        for name in ("load", "load_encoder"):
            add(f"{kind}.{name}", getattr(learn, name), name=[None, 3, [], "", "..", "no", "a\0b"])
    add("get_preds", m["clas_learner"].get_preds, part=[None, 3, "test", []])
    add("clas.predict", m["clas_learner"].predict, text=TEXT)
    add("clas.predict_many", m["clas_learner"].predict_many, texts=LIST_OF_TEXTS)
    add("lm.predict", lambda **a: m["lm_learner"].predict(**{"text": "a", **a}), text=TEXT,
        n_words=NATURAL, temperature=COEFFICIENT, seed=NATURAL[1:])  # fmt: skip
    add("lm.perplexities", m["lm_learner"].perplexities, texts=LIST_OF_TEXTS)
    add("Predictor.predict", m["predictor"].predict, text=TEXT)
    add("Predictor.predict_many",
        lambda **a: m["predictor"].predict_many(**{"texts": TEXTS, **a}),
        texts=LIST_OF_TEXTS, batch_size=COUNT)  # fmt: skip
    add("Writer.predict", lambda **a: m["writer"].predict(**{"text": "a", **a}), text=TEXT,
        n_words=NATURAL, temperature=COEFFICIENT, seed=NATURAL[1:])  # fmt: skip
    add("Writer.perplexities", m["writer"].perplexities, texts=LIST_OF_TEXTS)
    add("Predictor.load", Predictor.load, folder=[*PATH, "no", path])
    add("Writer.load", Writer.load, folder=[*PATH, "no", path])
    add("load_learner", lambda **a: load_learner(**{"path": path, **a}), path=[*PATH, "no", path],
        file=[3, [], "no", ""])  # fmt: skip
    add("RNNTrainer", lambda **a: RNNTrainer(**a), alpha=COEFFICIENT, beta=COEFFICIENT)
    add("RNNTrainerNorm", lambda **a: RNNTrainerNorm(**a), alpha=COEFFICIENT, beta=COEFFICIENT,
        beta_norm=COEFFICIENT)  # fmt: skip
    add("EarlyStopping", lambda **a: EarlyStopping(**a), patience=NATURAL, min_delta=COEFFICIENT,
        monitor=[None, 3, []])  # fmt: skip
    add("AverageWeights", lambda **a: AverageWeights(**a),
        share=[*NOTHING, *NUMBERS, *OTHERS, -0.1, 0, 2])  # fmt: skip
    add("BestModel", lambda **a: BestModel(**a), monitor=[None, 3, []])
    add("CSVLog", lambda **a: CSVLog(**a), path=PATH)
    add("JSONLinesLog", lambda **a: JSONLinesLog(**a), path=PATH)
    add("flatten_model", lambda **a: flatten_model(**a), model=MODULE)
    return listing


def test_wrong_arguments_are_refused_where_they_come_in(made: dict[str, Any]) -> None:
    faults = []
    for what, (call, values) in calls(made).items():
        for value in values:
            try:
                call(value)
            except (SteadfitError, TypeError) as error:
                ours = isinstance(error, SteadfitError)
                if not str(error) or (not ours and not at_the_door(error)):
                    faults.append(f"{what}={value!r:.40}: {error!r:.150}")
            except BaseException as error:
                faults.append(f"{what}={value!r:.40}: {error!r:.150}")
            else:
                faults.append(f"{what}={value!r:.40}: accepted")
    assert not faults, "\n" + "\n".join(faults)


def at_the_door(error: TypeError) -> bool:
    """Tell whether a TypeError is about a call that was made here: Python's own, or of a path."""
    text = str(error)
    return "argument" in text or "os.PathLike" in text or "iterable" in text


def test_no_public_name_is_left_out() -> None:
    source = inspect.getsource(calls)
    exceptions = {
        "accuracy",
        "perplexity",
        "AWD_LSTM",
        "awd_lstm_clas_config",
        "awd_lstm_lm_config",
    }
    exceptions |= {"URLs", "Callback", "read_lines"}
    exceptions.add("TextClassifier")  # tests/estimator/test_inputs.py
    for name in steadfit.__all__:
        known = name in source or name in exceptions
        assert known or name.endswith("Error"), name
