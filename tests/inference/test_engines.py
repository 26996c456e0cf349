"""In which numbers a predictor reads, and that this is nobody else's business."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from steadfit.core.errors import DataError
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.inference import engines as module
from steadfit.inference.engines import ENGINES, Engine, automatic_engine
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier
from steadfit.models.int8 import Int8Encoder, int8_problem
from steadfit.text.tokenizer import Tokenizer

CLASSES = ("bad", "fair", "good")
TEXTS = [
    "The film was good.",
    "",
    "bad",
    "a plot and a plot and the film was bad. " * 30,
    "I was bad. it was good",
    "GOOD GOOD FILM",
]


@pytest.fixture(params=[name for name in ENGINES if name != "auto"])
def engine(request: pytest.FixtureRequest) -> str:
    """Give each engine that runs here."""
    if request.param == "int8" and (problem := int8_problem()):
        pytest.skip(f"no int8: {problem}")
    return str(request.param)


@pytest.fixture
def moderate(classifier: TextClassifier) -> TextClassifier:
    """A classifier that does not turn on the last bit of a number."""
    with torch.no_grad():
        for weight in classifier.encoder.rnns.parameters():
            weight *= 0.3
        for layer in (classifier.head[2], classifier.head[6]):
            layer.weight *= 0.4
    return classifier


# ---- which ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16"), (False, "float32")])
def test_auto_is_bf16_where_that_is_fast_and_float32_elsewhere(
    fast: bool, expected: str, classifier: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.device] = []
    monkeypatch.setattr(module, "has_fast_bf16", lambda device: asked.append(device) or fast)
    engine = Engine(classifier)
    assert engine.name == automatic_engine(torch.device("cpu")) == expected
    assert set(asked) == {torch.device("cpu")}
    with engine.reading() as model:
        assert model is classifier
        assert torch.is_autocast_enabled("cpu") == fast
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", ["fp16", "INT8", "", None])
def test_an_engine_that_is_none_is_refused_at_the_door(
    name: str, classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    message = "accepted are auto, float32, bf16, int8"
    with pytest.raises(DataError, match=message):
        Predictor(classifier, tokenizer, CLASSES, engine=name)
    folder = save_model(tmp_path / "m", SavedModel(classifier, tokenizer, CLASSES))
    with pytest.raises(DataError, match=message):
        Predictor.load(folder, engine=name)


def test_int8_is_refused_with_the_reason_where_it_cannot_run(
    classifier: TextClassifier, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STEADFIT_KERNELS", raising=False)
    problem = "this processor has no amx_int8"
    monkeypatch.setattr("steadfit.models.int8.native_problem", lambda: problem)
    with pytest.raises(DataError, match=rf"{problem}\. Accepted here are auto, float32 and bf16"):
        Predictor(classifier, tokenizer, CLASSES, engine="int8")
    assert Predictor(classifier, tokenizer, CLASSES).predict("good").label in CLASSES


@pytest.mark.usefixtures("native")
def test_int8_is_refused_on_another_device(classifier: TextClassifier) -> None:
    with pytest.raises(DataError, match=r"int8 is for models in float32 on the CPU.*on meta"):
        Engine(classifier.to("meta"), "int8")


def test_a_folder_is_loaded_for_an_engine(
    engine: str, classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", SavedModel(classifier, tokenizer, CLASSES))
    loaded = Predictor.load(folder, engine=engine)
    assert loaded.engine.name == engine
    assert isinstance(loaded.engine.model.encoder, Int8Encoder) == (engine == "int8")
    here = Predictor(classifier, tokenizer, CLASSES, engine=engine)
    assert torch.equal(loaded.probabilities(TEXTS), here.probabilities(TEXTS))


# ---- what they answer ----------------------------------------------------------------------


def test_short_numbers_change_probabilities_by_0_005_at_most(
    engine: str, moderate: TextClassifier, tokenizer: Tokenizer
) -> None:
    exact = Predictor(moderate, tokenizer, CLASSES, engine="float32").probabilities(TEXTS)
    assert exact.std(dim=0).min() > 0.01  # texts are told apart
    got = Predictor(moderate, tokenizer, CLASSES, engine=engine).probabilities(TEXTS)
    assert got.dtype == torch.float32
    assert (got - exact).abs().max() < 0.005
    assert torch.equal(got, exact) == (engine == "float32")


def test_a_text_alone_is_the_text_in_any_batch(
    engine: str, moderate: TextClassifier, tokenizer: Tokenizer
) -> None:
    predictor = Predictor(moderate, tokenizer, CLASSES, engine=engine)
    alone = torch.stack([predictor.predict(text).probabilities for text in TEXTS])
    for batch_size in (2, 3, 100):
        together = predictor.probabilities(TEXTS, batch_size)
        backwards = predictor.probabilities(TEXTS[::-1], batch_size)
        tolerance = 1e-6 if int8_problem() is None else 1e-5
        torch.testing.assert_close(together, alone, rtol=0, atol=tolerance)
        torch.testing.assert_close(backwards.flip(0), alone, rtol=0, atol=tolerance)


# ---- one predictor for all -----------------------------------------------------------------


def test_predicting_changes_nothing_on_the_model(
    engine: str,
    classifier: TextClassifier,
    tokenizer: Tokenizer,
    unchanged: Callable[[nn.Module], Callable[[], bool]],
) -> None:
    same = unchanged(classifier)
    predictor = Predictor(classifier, tokenizer, CLASSES, engine=engine)
    twin_same = unchanged(predictor.engine.model)
    probabilities = predictor.probabilities(TEXTS)
    assert same()
    assert twin_same()
    assert not probabilities.is_inference()
    assert not torch.is_autocast_enabled("cpu")
    assert predictor.model is classifier


def test_a_copy_answers_the_same_to_the_bit(
    engine: str, classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    predictor = Predictor(classifier, tokenizer, CLASSES, engine=engine)
    expected = predictor.probabilities(TEXTS)
    again = copy.deepcopy(predictor)
    with torch.no_grad():
        for weight in classifier.parameters():
            weight.zero_()
    assert torch.equal(again.probabilities(TEXTS), expected)


def test_8_threads_get_what_one_gets(
    engine: str, classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    predictor = Predictor(classifier, tokenizer, CLASSES, engine=engine)
    parts = [TEXTS[i:] + TEXTS[:i] for i in range(8)]
    expected = [predictor.probabilities(part, 3) for part in parts]
    results: list[list[Tensor]] = [[] for _ in parts]
    barrier = threading.Barrier(len(parts))

    def predict(number: int) -> None:
        torch.set_num_threads(1)
        for _ in range(5):
            barrier.wait()
            results[number].append(predictor.probabilities(parts[number], 3))

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, wanted in zip(results, expected, strict=True):
        assert len(got) == 5
        assert all(torch.equal(value, wanted) for value in got)


def test_a_model_put_into_training_mode_is_refused_until_it_is_back(
    engine: str, classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    predictor = Predictor(classifier, tokenizer, CLASSES, engine=engine)
    expected = predictor.probabilities(TEXTS)
    classifier.train()
    with pytest.raises(DataError, match="training mode"):
        predictor.predict("good")
    classifier.eval()
    assert torch.equal(predictor.probabilities(TEXTS), expected)
