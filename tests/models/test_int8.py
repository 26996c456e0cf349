"""A classifier in int8 beside the one it was made from."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.kernels.choose import use_kernels
from steadfit.models import int8 as module
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.models.int8 import Int8Encoder, in_int8

WORDS = 60
Threads = Callable[[int], AbstractContextManager[None]]
LENGTHS = [37, 5, 5, 12, 1, 30, 20, 3]


def classifier() -> TextClassifier:
    """Make a classifier whose weights are as large as training leaves them."""
    torch.manual_seed(3)
    sizes = {"emb_sz": 40, "n_hid": 72, "n_layers": 3}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, WORDS, 1.0, sizes)
    model = TextClassifier(config, 3)
    for name, weight in model.encoder.rnns.named_parameters():
        nn.init.normal_(weight, std=0.1 if "bias" in name else 1.5 * weight.shape[-1] ** -0.5)
    nn.init.normal_(model.encoder.embedding.weight)
    nn.init.uniform_(model.head[0].running_var, 0.02, 0.05)
    nn.init.normal_(model.head[6].weight, std=0.5)  # opinions
    return model.eval()


def documents(lengths: list[int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, WORDS, (length,), generator=generator) for length in lengths]


def batch(texts: list[Tensor], extra: int = 0) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(text) for text in texts])
    tokens = torch.randint(0, WORDS, (len(texts), int(lengths.max()) + extra))
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = text
    return tokens, lengths


def probabilities(model: TextClassifier, texts: list[Tensor], extra: int = 0) -> Tensor:
    """Classify texts, whose encoder is in int8 or reads in bfloat16."""
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        return model(*batch(texts, extra)).softmax(dim=1)


# ---- what it computes ----------------------------------------------------------------------


@pytest.mark.usefixtures("native")
def test_int8_differs_from_float32_by_0_03_at_most_and_finds_the_same_classes() -> None:
    model, texts = classifier(), documents(LENGTHS * 8)
    with torch.no_grad():
        exact = model(*batch(texts)).softmax(dim=1)
    got = probabilities(in_int8(model), texts)
    assert exact.std(dim=0).min() > 0.08  # texts are told apart, else any answer would do
    assert 0 < (got - exact).abs().max() < 0.03
    assert (got - exact).abs().mean() < 0.006
    clear = exact.topk(2).values.diff().abs().flatten() > 0.03
    assert clear.sum() > 40
    assert torch.equal(got.argmax(1)[clear], exact.argmax(1)[clear])


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("short", ["bf16", "int8"])
@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_alone_is_the_document_in_any_batch_to_the_bit(
    short: str, on_threads: Threads, lengths: list[int], extra: int
) -> None:
    model, texts = classifier(), documents(lengths)
    if short == "int8":
        model = in_int8(model)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        together, _ = model.encoder(batch(texts, extra)[0])
        alone = [model.encoder(text.unsqueeze(0))[0][0] for text in texts]
    for text, one, row in zip(texts, alone, together, strict=True):
        assert torch.equal(one, row[: len(text)])
    order = torch.randperm(len(texts))
    with on_threads(2):
        shuffled = probabilities(model, [texts[i] for i in order], extra)
    whole = probabilities(model, texts)
    for index, text in enumerate(texts):
        torch.testing.assert_close(probabilities(model, [text])[0], whole[index], rtol=0, atol=1e-6)
    torch.testing.assert_close(shuffled, whole[order], rtol=0, atol=1e-6)


@pytest.mark.usefixtures("native")
def test_long_documents_are_carried_from_window_to_window(monkeypatch: pytest.MonkeyPatch) -> None:
    model, texts = in_int8(classifier()), documents([200, 150, 80, 3])
    whole = probabilities(model, texts)
    monkeypatch.setattr("steadfit.models.classifier.READING_WINDOW", 1)
    model.bptt = 7
    torch.testing.assert_close(probabilities(model, texts), whole, rtol=0, atol=1e-6)


# ---- what it is ----------------------------------------------------------------------------


@pytest.mark.usefixtures("native")
def test_the_model_stays_as_it_was_and_the_twin_as_it_was_made() -> None:
    model, texts = classifier(), documents(LENGTHS)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modules = [id(part) for part in model.modules()]
    twin = in_int8(model)
    was = probabilities(twin, texts)
    assert [id(part) for part in model.modules()] == modules
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert twin.head is model.head
    with torch.no_grad():
        model.encoder.embedding.weight.zero_()
    assert torch.equal(probabilities(twin, texts), was)


@pytest.mark.usefixtures("native")
def test_it_can_be_copied_moved_to_where_it_is_and_shown() -> None:
    twin, texts = in_int8(classifier()), documents(LENGTHS)
    was = probabilities(twin, texts)
    assert "Int8Encoder" in repr(twin)
    # What was rounded is made anew from a model's weights, so it is no part of what is saved.
    assert not [name for name in twin.state_dict() if name.startswith("encoder")]
    for again in (copy.deepcopy(twin), twin.to("cpu").eval(), twin.cpu().requires_grad_(False)):
        assert not any(part.training for part in again.modules())
        assert torch.equal(probabilities(again, texts), was)
    assert copy.deepcopy(twin).encoder._words.table is not twin.encoder._words.table


@pytest.mark.usefixtures("native")
def test_an_encoder_takes_a_quarter_of_the_memory() -> None:
    torch.manual_seed(0)
    sizes = {"emb_sz": 128, "n_hid": 192, "n_layers": 2}
    config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, 2000, 1.0, sizes)
    encoder = TextClassifier(config, 2).encoder
    whole = sum(weight.nbytes for weight in encoder.parameters())
    small = Int8Encoder(encoder)
    kept = [*small._words, *(part for layer in small._layers for part in layer)]
    assert sum(part.nbytes for part in kept if isinstance(part, Tensor)) < 0.28 * whole


@pytest.mark.usefixtures("native")
def test_it_reads_without_gradients_and_says_so_where_it_should_learn() -> None:
    model, inputs = classifier(), batch(documents(LENGTHS))
    twin = in_int8(model)
    for learn in (lambda: twin(*inputs), lambda: twin.vectors(*inputs), twin.layer_groups):
        with pytest.raises(DataError, match=r"Int8Encoder.*cannot learn.*torch\.no_grad\(\)"):
            learn()
    with torch.no_grad():
        assert (twin(*inputs).softmax(1) - model(*inputs).softmax(1)).abs().max() < 0.03


# ---- where it cannot be --------------------------------------------------------------------


def test_without_native_kernels_int8_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STEADFIT_KERNELS", raising=False)
    monkeypatch.setattr(module, "native_problem", lambda: "there is no C++ compiler")
    with pytest.raises(DataError, match=r"there is no C\+\+ compiler\. Accepted here are auto"):
        in_int8(classifier())


@pytest.mark.usefixtures("native")
def test_plain_kernels_have_no_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadfit.kernels.choose._chosen", None)
    use_kernels("plain")
    with pytest.raises(DataError, match="plain kernels were chosen"):
        in_int8(classifier())


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: model.double(), r"embedding\.weight is torch\.float64 on cpu"),
        (lambda model: model.bfloat16(), r"torch\.bfloat16 on cpu"),
        (lambda model: model.to("meta"), r"on meta.*another engine"),
    ],
)
def test_only_models_in_float32_on_the_cpu_are_taken(
    change: Callable[[TextClassifier], TextClassifier], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        in_int8(change(classifier()))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(number: float) -> None:
    model = classifier()
    with torch.no_grad():
        model.encoder.rnns[1].bias_hh_l0[3] = number
    with pytest.raises(DataError, match=r"encoder\.rnns\.1\.bias_hh_l0 holds numbers.*not finite"):
        in_int8(model)
