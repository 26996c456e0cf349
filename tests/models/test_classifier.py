"""A classifier gives each document the answer it has alone, and is made as fastai makes it."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.models import classifier as module
from steadfit.models.classifier import Head, TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.outputs import DocumentWindow
from tests.models.small_classifiers import (
    RAGGED,
    WORDS,
    batch,
    documents,
    plain_pool,
    plain_states,
    pooling,
    small,
)

# ---- one document, one answer --------------------------------------------------------------


@given(RAGGED, st.integers(0, 30), st.booleans())
def test_a_document_alone_is_the_document_in_any_batch_order_and_padding(
    lengths: list[int], extra: int, gradients: bool
) -> None:
    model, texts = small(), documents(lengths)
    with torch.set_grad_enabled(gradients):
        alone = torch.cat([model(*batch([text])) for text in texts])
        together = model(*batch(texts, extra, behind=None))
        order = torch.randperm(len(texts))
        shuffled = model(*batch([texts[i] for i in order]))
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(shuffled, alone[order], rtol=0, atol=1e-5)


@given(RAGGED, st.integers(1, 9), st.integers(1, 40))
def test_pooling_by_windows_is_last_largest_and_mean_over_all_tokens(
    lengths: list[int], bptt: int, grad_tokens: int
) -> None:
    model, texts = pooling(bptt, grad_tokens), documents(lengths)
    got = model(*batch(texts, behind=None))
    expected = torch.stack([plain_pool(plain_states(model, text)) for text in texts])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", [1, 3, 512])
def test_the_window_of_reading_does_not_change_the_answer(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, texts = small(bptt=1), documents([20, 7, 1])
    expected = model(*batch(texts))
    monkeypatch.setattr(module, "READING_WINDOW", window)
    with torch.no_grad():
        torch.testing.assert_close(model(*batch(texts)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("lengths", [[3, 0], [3, 9]])
def test_lengths_that_do_not_fit_the_batch_are_refused(lengths: list[int]) -> None:
    with pytest.raises(DataError, match="accepted are 1 to"):
        small()(torch.ones(2, 5, dtype=torch.int64), torch.tensor(lengths))


def test_two_threads_get_what_one_gets() -> None:
    model = small()
    batches = [batch(documents([30, 9, 2], seed)) for seed in (1, 2)]
    with torch.no_grad():
        expected = [model(*b) for b in batches]
    results: list[list[Tensor]] = [[], []]
    barrier = threading.Barrier(2)

    def read(number: int) -> None:
        with torch.no_grad():
            for _ in range(20):
                barrier.wait()
                results[number].append(model(*batches[number]))

    threads = [threading.Thread(target=read, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, wanted in zip(results, expected, strict=True):
        assert len(got) == 20
        assert all(torch.equal(value, wanted) for value in got)


# ---- make ----------------------------------------------------------------------------------


def test_a_call_leaves_nothing_on_the_model() -> None:
    model = small().train()

    def attributes() -> set[tuple[str, str, int]]:
        return {
            (name, key, id(value))
            for name, part in model.named_modules()
            for key, value in [*vars(part).items(), *part._parameters.items()]
        }

    before = attributes()
    model(*batch(documents([9, 3]))).sum().backward()
    assert attributes() == before


def test_groups_hold_every_parameter_once_words_first_head_last() -> None:
    config = AWDLSTMConfig.from_defaults(
        CLASSIFIER_DEFAULTS, 9, overrides={"emb_sz": 4, "n_hid": 5}
    )
    model = TextClassifier(config, 2)
    groups = [[p for part in group for p in part.parameters()] for group in model.layer_groups()]
    # Freezing to the last group leaves 8 tensors of the head, to the last but one 12.
    assert [len(group) for group in groups] == [1, 4, 4, 4, 8]
    assert [id(p) for group in groups for p in group] == [id(p) for p in model.parameters()]


def test_the_head_is_that_of_fastai() -> None:
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 9, drop_mult=0.5)
    with torch.device("meta"):
        head = TextClassifier(config, 2).head
    assert [type(layer).__name__ for layer in head] == [
        "BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear",
    ]  # fmt: skip
    assert [tuple(p.shape) for p in head.parameters()] == [
        (1200,), (1200,), (50, 1200), (50,), (50,), (50,), (2, 50), (2,),
    ]  # fmt: skip
    assert (head[1].p, head[5].p) == (0.2, 0.1)  # the second one is not scaled


def test_a_head_without_biases_has_none_but_those_of_its_norms() -> None:
    names = [
        name
        for name, _ in TextClassifier(small().config, 2, head_bias=False).head.named_parameters()
    ]
    assert names == ["0.weight", "0.bias", "2.weight", "4.weight", "4.bias", "6.weight"]


@pytest.mark.parametrize("arguments", [(1,), (2, 0), (2, 70, 0), (2, -1)])
def test_impossible_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="two classes or more"):
        TextClassifier(small().config, *arguments)


def test_a_model_in_short_floats_answers() -> None:
    model = small().bfloat16()
    tokens = batch(documents([9, 3]))
    torch.testing.assert_close(model(*tokens).float(), small()(*tokens), rtol=0.2, atol=0.2)


def test_products_in_bfloat16_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    sizes = {"emb_sz": 400, "n_layers": 1}  # large enough that few rows take another kernel
    model = TextClassifier(
        AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, WORDS, overrides=sizes), 2, bptt=4
    ).eval()
    for parameter in model.encoder.rnns.parameters():
        nn.init.uniform_(parameter, -0.1, 0.1)
    nn.init.normal_(model.encoder.embedding.weight)
    model.head = Head()
    texts = documents([20] * 20 + [17, 6, 6, 3, 1])  # a sum rounds otherwise now and then only
    windows: list[DocumentWindow] = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = model(*batch(texts), windows.append)
        alone = torch.cat([model(*batch([text]), windows.append) for text in texts])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)
    assert [len(window.hidden) for window in windows] == [25] + [1] * 25  # no row nobody gave
