from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.inference import predictor as module
from steadfit.inference.predictor import Predictor
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.text.tokenizer import Tokenizer

CLASSES = ("bad", "fair", "good")
TEXTS = [
    "The film was good.",
    "",
    "bad",
    "a plot and a plot and a plot and the film was bad and it was a film. " * 3,
    "I was bad. it was good",
    "   ",
    "GOOD GOOD FILM",
    "the the the the the the",
]


@pytest.fixture
def predictor(classifier: TextClassifier, tokenizer: Tokenizer) -> Predictor:
    return Predictor(classifier, tokenizer, CLASSES, engine="float32")


def plain(model: TextClassifier, ids: list[int]) -> Tensor:
    """Classify one document by the layers' own forward."""
    with torch.no_grad():
        x = model.encoder.embedding(torch.tensor([ids]))
        for layer in model.encoder.rnns:
            x, _ = layer(x)
        pooled = torch.cat([x[:, -1], x.amax(dim=1), x.mean(dim=1)], dim=1)
        return model.head(pooled).softmax(dim=1)[0]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
@pytest.mark.parametrize("together", [1, 50])
def test_probabilities_come_in_input_order_whatever_the_batches(
    batch_size: int, together: int, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SORTED_TOGETHER", together)
    expected = torch.stack([plain(predictor.model, predictor.tokenizer.encode(t)) for t in TEXTS])
    assert torch.pdist(expected[[0, 1, 2, 3, 4, 6, 7]]).min() > 1e-3  # else order would not show
    got = predictor.probabilities(TEXTS, batch_size)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


def test_many_are_what_one_by_one_are(predictor: Predictor) -> None:
    for text, got in zip(TEXTS, predictor.predict_many(TEXTS, batch_size=3), strict=True):
        alone = predictor.predict(text)
        assert (got.label, got.index) == (alone.label, alone.index)
        assert got.label == CLASSES[int(got.probabilities.argmax())]
        torch.testing.assert_close(got.probabilities, alone.probabilities, rtol=0, atol=1e-5)


def test_a_generator_is_read_once_and_not_all_at_once(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SORTED_TOGETHER", 1)
    read: list[str] = []
    documents = (read.append(t) or predictor.tokenizer.encode(t) for t in TEXTS)
    pieces = module.class_probabilities(predictor.engine, documents, batch_size=2)
    first = next(pieces)
    assert read == TEXTS[:2]
    torch.testing.assert_close(
        torch.cat([first, *pieces]), predictor.probabilities(iter(TEXTS)), rtol=0, atol=1e-5
    )


def test_backwards_reads_each_document_from_its_end(
    classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    text = "the film was good"
    got = Predictor(classifier, tokenizer, CLASSES, True, "float32").predict(text).probabilities
    ids = tokenizer.encode(text)
    torch.testing.assert_close(got, plain(classifier, ids[::-1]), rtol=0, atol=1e-5)
    assert not torch.allclose(got, plain(classifier, ids), atol=1e-3)


def test_no_texts_have_no_predictions(predictor: Predictor) -> None:
    assert predictor.predict_many([]) == []
    assert predictor.probabilities([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.predict_many("one text"), "One string was given; give a list"),
        (lambda p: p.probabilities(None), "texts is None; give a list"),
        (lambda p: p.predict_file(None), "path is None; accepted are paths"),
        (lambda p: p.predict_many(["a", None]), "None"),
        (lambda p: p.predict(b"bytes"), "bytes"),
        (lambda p: p.predict_many(["a"], batch_size=0), "batch_size is 0"),
        (lambda p: p.predict_many(["a"], batch_size=-1), "batch_size is -1"),
    ],
)
def test_what_is_no_text_is_refused(
    call: Callable[[Predictor], object], message: str, predictor: Predictor
) -> None:
    with pytest.raises(DataError, match=message):
        call(predictor)


def test_names_must_be_as_many_as_the_model_has_classes(
    classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    with pytest.raises(DataError, match="3 classes, 2 names"):
        Predictor(classifier, tokenizer, ("a", "b"))


def test_predicting_changes_nothing_and_gives_ordinary_tensors(
    predictor: Predictor, unchanged: Callable[[nn.Module], Callable[[], bool]]
) -> None:
    same, random = unchanged(predictor.model), torch.get_rng_state()
    probabilities = predictor.predict("the film").probabilities
    assert same()
    assert torch.equal(torch.get_rng_state(), random)
    assert not probabilities.is_inference()
    assert not probabilities.requires_grad


def test_two_threads_get_what_one_gets(predictor: Predictor) -> None:
    parts = [TEXTS, TEXTS[::-1]]
    expected = [predictor.probabilities(part, 3) for part in parts]
    results: list[list[Tensor]] = [[], []]
    barrier = threading.Barrier(2)

    def predict(number: int) -> None:
        for _ in range(20):
            barrier.wait()
            results[number].append(predictor.probabilities(parts[number], 3))

    threads = [threading.Thread(target=predict, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, wanted in zip(results, expected, strict=True):
        assert len(got) == 20
        assert all(torch.equal(value, wanted) for value in got)


def test_a_saved_classifier_predicts_the_same_and_a_language_model_is_refused(
    predictor: Predictor, language_model: LanguageModel, tmp_path: Path
) -> None:
    saved = SavedModel(predictor.model, predictor.tokenizer, CLASSES, backwards=True)
    loaded = Predictor.load(save_model(tmp_path / "m", saved))
    assert loaded.backwards
    assert loaded.classes == CLASSES
    here = Predictor(predictor.model, predictor.tokenizer, CLASSES, backwards=True)
    assert torch.equal(loaded.probabilities(TEXTS), here.probabilities(TEXTS))
    save_model(tmp_path / "lm", SavedModel(language_model, predictor.tokenizer))
    with pytest.raises(FileFormatError, match="classifier is needed"):
        Predictor.load(tmp_path / "lm")


@pytest.mark.parametrize("tokens", [1, 7, 20, 50])
def test_long_documents_are_read_fewer_at_a_time_with_the_same_answers(
    tokens: int, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["good " * length + "film" for length in (3, 30, 1, 0, 9, 4, 4, 12)]
    whole = predictor.probabilities(texts, batch_size=3)
    held: list[int] = []
    read = predictor.model.forward

    def watched(batch: Tensor, *rest: Any) -> Tensor:
        held.append(batch.numel())
        return read(batch, *rest)

    monkeypatch.setattr(module, "TOKENS_TOGETHER", tokens)
    monkeypatch.setattr(predictor.model, "forward", watched)
    torch.testing.assert_close(predictor.probabilities(texts, 3), whole, rtol=0, atol=1e-6)
    longest = max(len(predictor.tokenizer.encode(text)) for text in texts)
    assert max(held) <= max(tokens, longest)


def test_a_model_in_training_mode_is_refused_and_left_so(
    classifier: TextClassifier, tokenizer: Tokenizer
) -> None:
    predictor = Predictor(classifier, tokenizer, CLASSES)
    before = predictor.probabilities(TEXTS)
    classifier.head.train()  # a part of it is enough
    with pytest.raises(DataError, match=r"training mode.*model\.eval\(\)"):
        Predictor(classifier, tokenizer, CLASSES)
    with pytest.raises(DataError, match="training mode"):
        predictor.predict(TEXTS[0])
    assert classifier.head.training
    classifier.eval()
    assert torch.equal(predictor.probabilities(TEXTS), before)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("engine", ["float32", "auto"])
def test_a_file_gets_what_its_text_gets(
    classifier: TextClassifier, tokenizer: Tokenizer, tmp_path: Path, engine: str, backwards: bool
) -> None:
    predictor = Predictor(classifier, tokenizer, CLASSES, backwards, engine)
    for text in [*TEXTS, " ".join(TEXTS) * 300]:  # the last: several blocks, many windows
        path = tmp_path / "text.txt"
        path.write_text(text, encoding="utf-8", newline="")
        found, expected = predictor.predict_file(path), predictor.predict(text)
        torch.testing.assert_close(found.probabilities, expected.probabilities, rtol=0, atol=1e-5)
        assert found.label == expected.label


def test_a_file_that_is_no_text_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    with pytest.raises(DataError, match=r"text\.txt: cannot be read"):
        predictor.predict_file(path)
    path.write_bytes(b"good " * 20_000 + "é".encode("cp1252"))
    with pytest.raises(DataError, match=r"byte 100000 \(0xe9\) is not utf-8.*cp1252"):
        predictor.predict_file(path)
    with pytest.raises(DataError, match="not known"):
        predictor.predict_file(path, encoding="klingon")


@pytest.fixture
def several(classifier: TextClassifier, tokenizer: Tokenizer) -> Predictor:
    classifier.multi_label = True
    return Predictor(classifier, tokenizer, CLASSES, engine="float32")


def test_of_several_classes_each_has_a_probability_of_its_own(
    several: Predictor, tmp_path: Path
) -> None:
    found = several.probabilities(TEXTS)
    with torch.no_grad():
        for text, row in zip(TEXTS, found, strict=True):
            ids = torch.tensor([several.tokenizer.encode(text)])
            logits = several.model(ids, torch.tensor([ids.shape[1]]))[0]
            torch.testing.assert_close(row, 1 / (1 + (-logits).exp()))
    (tmp_path / "a.txt").write_text(TEXTS[3], "utf-8")
    torch.testing.assert_close(several.predict_file(tmp_path / "a.txt").probabilities, found[3])
    assert several.predict(TEXTS[3]).index == int(found[3].argmax())


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_the_classes_above_a_threshold_are_a_texts_set(
    several: Predictor, threshold: float
) -> None:
    probabilities = several.probabilities(TEXTS).tolist()
    wanted = [
        tuple(name for name, p in zip(CLASSES, row, strict=True) if p > threshold)
        for row in probabilities
    ]
    assert several.predict_sets(TEXTS, threshold) == wanted


def test_sets_are_for_models_of_several_classes_and_thresholds_are_probabilities(
    predictor: Predictor,
) -> None:
    with pytest.raises(DataError, match="use predict_many"):
        predictor.predict_sets(TEXTS)
    predictor.model.multi_label = True
    for threshold in (-0.1, 1.1, float("nan"), "a"):
        with pytest.raises(DataError, match="threshold"):
            predictor.predict_sets(TEXTS, threshold)  # type: ignore[arg-type]
