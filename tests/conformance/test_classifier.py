"""Classifier: fastai's where the batch plays no part; where it does in fastai, it does not here."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from tests.conformance.peer import (
    DTYPES,
    EXACTLY,
    GRADIENTS,
    OUTPUTS,
    Answer,
    AskPeer,
    classifier_name,
    difference,
    fastai_config,
    for_fastai,
    make_weights_matter,
)

WORDS, CLASSES, SEQ_LEN = 200, 3, 72
SMALL = {"emb_sz": 9, "n_hid": 14}


def build(dtype: str, sizes: dict[str, object], bptt: int = 70) -> TextClassifier:
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, WORDS, overrides=sizes)
    model = TextClassifier(config, CLASSES, bptt, head_bias=False)
    make_weights_matter(model)
    return model.to(DTYPES[dtype]).eval()


def documents(count: int, length: int) -> Tensor:
    return torch.randint(2, WORDS, (count, length))  # 1 is padding to fastai wherever it stands


def ask(
    ask_fastai: AskPeer,
    task: str,
    model: TextClassifier,
    arrays: dict[str, Tensor],
    **settings: object,
) -> Answer:
    return ask_fastai(
        task,
        for_fastai(model, classifier_name) | arrays,
        words=WORDS,
        classes=CLASSES,
        config=fastai_config(model.config, "classifier"),
        dtype=str(model.encoder.embedding.weight.dtype).removeprefix("torch."),
        **({"seq_len": SEQ_LEN} | settings),
    )


def read(model: TextClassifier, tokens: Tensor) -> Tensor:
    return model(tokens, torch.full((len(tokens),), tokens.shape[1]))


def pooled_and_logits(model: TextClassifier, tokens: Tensor) -> dict[str, Tensor]:
    pooled: list[Tensor] = []
    handle = model.head.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    with torch.no_grad():
        logits = read(model, tokens)
    handle.remove()
    return {"pooled": pooled[0], "logits": logits}


def compare(
    what: str,
    found: dict[str, Tensor],
    fastais: dict[str, Tensor],
    tolerance: float,
    measured: dict[str, float],
) -> None:
    differences = {name: difference(found[name], fastais[name]) for name in found}
    measured[what] = max(measured.get(what, 0.0), *differences.values())
    assert max(differences.values()) <= tolerance, differences


@pytest.mark.parametrize("length", [1, 2, 71, 72, 73, 144, 500, 1400])
def test_one_document_is_pooled_and_scored_as_in_fastai(
    ask_fastai: AskPeer, length: int, measured: dict[str, float]
) -> None:
    for dtype, tolerance in (("float64", EXACTLY), ("float32", OUTPUTS)):
        model, tokens = build(dtype, SMALL), documents(1, length)
        fastais = ask(ask_fastai, "classifier", model, {"tokens": tokens}).arrays
        what = f"one document, {dtype}: outputs"
        compare(what, pooled_and_logits(model, tokens), fastais, tolerance, measured)


@pytest.mark.parametrize(("count", "length"), [(2, 1), (7, 60), (5, 200), (3, 720)])
def test_documents_of_one_length_are_pooled_and_scored_as_in_fastai(
    ask_fastai: AskPeer, count: int, length: int, measured: dict[str, float]
) -> None:
    for dtype, tolerance in (("float64", EXACTLY), ("float32", OUTPUTS)):
        model, tokens = build(dtype, SMALL), documents(count, length)
        fastais = ask(ask_fastai, "classifier", model, {"tokens": tokens}).arrays
        what = f"documents of one length, {dtype}: outputs"
        compare(what, pooled_and_logits(model, tokens), fastais, tolerance, measured)


@pytest.mark.parametrize(("count", "length"), [(1, 1400), (4, 150)])
def test_a_model_of_fastais_own_sizes_scores_as_in_fastai(
    ask_fastai: AskPeer, count: int, length: int, measured: dict[str, float]
) -> None:
    model, tokens = build("float32", {}), documents(count, length)
    fastais = ask(ask_fastai, "classifier", model, {"tokens": tokens}).arrays
    found = pooled_and_logits(model, tokens)
    compare("fastai's sizes, float32: outputs", found, fastais, OUTPUTS, measured)


@pytest.mark.parametrize(
    ("dtype", "sizes", "length", "bptt", "outputs", "gradients"),
    [
        ("float64", SMALL, 60, 70, EXACTLY, EXACTLY),
        ("float64", SMALL, 200, SEQ_LEN, EXACTLY, EXACTLY),  # several windows, cut at one place
        # Batch normalisation of outputs that are much alike makes much of their last digits.
        ("float32", {}, 60, 70, GRADIENTS, GRADIENTS),
    ],
)
def test_training_has_fastais_loss_and_gradients(
    ask_fastai: AskPeer,
    dtype: str,
    sizes: dict[str, object],
    length: int,
    bptt: int,
    outputs: float,
    gradients: float,
    measured: dict[str, float],
) -> None:
    model = build(dtype, sizes, bptt)
    tokens, labels = documents(6, length), torch.tensor([0, 1, 2, 2, 0, 1])
    fastais = ask(ask_fastai, "classifier", model, {"tokens": tokens, "labels": labels}).arrays
    model = without_dropout(model).train()
    logits = read(model, tokens)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    found = {"logits": logits, "loss": loss}
    compare(f"classifier in training, {dtype}: outputs", found, fastais, outputs, measured)
    grads = {
        f"gradient.{classifier_name(name)}": parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    assert grads.keys() == {name for name in fastais if name.startswith("gradient.")}
    assert len(grads) == len(list(model.parameters()))
    compare(f"classifier in training, {dtype}: gradients", grads, fastais, gradients, measured)


def test_in_fastai_a_prediction_depends_on_its_batch_and_here_it_does_not(
    ask_fastai: AskPeer, measured: dict[str, float]
) -> None:
    # fastai issue 3379, with the lengths and the window of the report's kind.
    model = build("float64", SMALL)
    texts = [documents(1, length)[0] for length in (10, 9, 8, 7, 4)]
    lists = [text.tolist() for text in texts]
    fastais = ask(ask_fastai, "ragged", model, {}, documents=lists, seq_len=3).arrays
    tokens = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=1)
    with torch.no_grad():
        together = model(tokens, torch.tensor([len(text) for text in texts]))
        alone = torch.cat([read(model, text[None]) for text in texts])
    assert difference(alone, fastais["alone"]) <= EXACTLY
    assert difference(together, alone) <= EXACTLY
    off = difference(fastais["together"], fastais["alone"])
    measured["fastai in a batch and alone (its issue 3379)"] = off
    assert off > 1e-3


def test_fastai_leaves_out_what_stands_early_in_a_long_document_and_we_do_not(
    ask_fastai: AskPeer,
) -> None:
    # Its pooling passes over all but the last 20 windows; ours is over the whole document.
    model, tokens = build("float64", SMALL), documents(1, 30)
    everything = ask(ask_fastai, "classifier", model, {"tokens": tokens}, seq_len=3, max_len=30)
    cut = ask(ask_fastai, "classifier", model, {"tokens": tokens}, seq_len=3, max_len=9)
    found = pooled_and_logits(model, tokens)["pooled"]
    assert difference(found, everything.arrays["pooled"]) <= EXACTLY
    assert difference(found, cut.arrays["pooled"]) > 1e-3


def test_the_defaults_are_fastais(ask_fastai: AskPeer) -> None:
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 100)
    answer = ask_fastai("classifier_defaults", words=100, classes=CLASSES)
    assert answer.values["config"] == fastai_config(config, "classifier")
    with torch.device("meta"):
        head = TextClassifier(config, CLASSES, head_bias=False).head
    kinds = [type(layer).__name__ for layer in head]
    assert answer.values["head"] == kinds
    assert answer.values["head_dropouts"] == [
        layer.p for layer in head if isinstance(layer, nn.Dropout)
    ]


def without_dropout(model: TextClassifier) -> TextClassifier:
    """Return a model of the same weights that drops nothing."""
    config = AWDLSTMConfig.from_dict(
        {k: 0.0 if k.endswith("_p") else v for k, v in model.config.to_dict().items()}
    )
    plain = TextClassifier(config, model.n_classes, model.bptt, head_bias=model.head_bias)
    plain.load_state_dict(model.state_dict())
    for layer in plain.head:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return plain.to(model.encoder.embedding.weight.dtype)
