"""Explanations of texts: of a network, of any function, whole and in the words of the text."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from steadfit.core.errors import DataError
from steadfit.inference import explain as module
from steadfit.inference.blend import blended
from steadfit.inference.explain import explain, explain_function
from steadfit.inference.predictor import Predictor
from steadfit.linear.nbsvm import fit_nbsvm
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import CLASSIFIER_DEFAULTS, AWDLSTMConfig
from steadfit.text.fields import join_fields
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import MARKERS, Vocab
from steadfit.text.words import split_words

PLAIN = ("the", "film", "was", "a", "plot", "and", "i", "it", "saw", ".")
GOOD, BAD = "good", "bad"


@pytest.fixture(scope="module")
def trained() -> Predictor:
    """A classifier that has learned that `good` and `bad` decide, and that nothing else does."""
    vocab = Vocab([*MARKERS, *PLAIN, GOOD, BAD])
    sizes = {"emb_sz": 8, "n_hid": 12, "n_layers": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(vocab), 0.0, sizes)
        model = TextClassifier(config, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        lengths = torch.full((32,), 12)
        for _ in range(60):
            tokens = torch.randint(len(MARKERS), len(MARKERS) + len(PLAIN), (32, 12))
            codes = torch.randint(0, 2, (32,))
            spots = torch.randint(0, 12, (32,))
            tokens[torch.arange(32), spots] = torch.where(codes == 1, vocab.id(GOOD), vocab.id(BAD))
            loss = nn.functional.cross_entropy(model(tokens, lengths), codes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Predictor(model.eval(), Tokenizer(vocab), ["neg", "pos"], engine="float32")


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
def test_the_word_that_decides_weighs_most(trained: Predictor, method: str) -> None:
    for word, label in [(GOOD, "pos"), (BAD, "neg")]:
        text = f"I saw it and the film was {word.upper()} . the plot was a plot ."
        found = explain(trained, text, method=method)
        assert (found.label, found.method) == (label, method)
        assert found.probability == pytest.approx(trained.predict(text).probabilities.max().item())
        assert found.top(1)[0][0].text == word.upper()
        other = explain(trained, text, "neg" if label == "pos" else "pos", method)
        assert np.allclose(other.weights, -np.array(found.weights), atol=1e-2)


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
def test_taking_the_top_words_out_moves_the_probability_more_than_others(
    trained: Predictor, method: str
) -> None:
    drawn = random.Random(0)
    moved, moved_by_others = [], []
    for _ in range(8):
        words = drawn.choices(PLAIN, k=14)
        words[drawn.randrange(14)] = GOOD
        found = explain(trained, " ".join(words), "pos", method)
        top = found.places()[1:].index(found.top(1)[0][0])
        other = drawn.choice([i for i in range(14) if i != top])
        for place, moves in [(top, moved), (other, moved_by_others)]:
            left = " ".join(words[:place] + words[place + 1 :])
            moves.append(found.probability - trained.probabilities([left])[0, 1].item())
    assert min(moved) > max(map(abs, moved_by_others))


def test_gradients_of_a_trained_network_add_up(trained: Predictor) -> None:
    found = explain(trained, "the film was good and the plot was bad . it was good")
    assert found.gap is not None
    assert abs(found.gap) < module.TOLERANCE * 20
    assert len(found.tokens) == len(found.weights) == len(found.spans) == len(found.widths)


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion"])
@pytest.mark.parametrize("text", ["", " ", "good", "é🎥 日本\u202e\ud800", "xxmaj &amp; good!!!!"])
def test_odd_texts_are_explained(trained: Predictor, text: str, method: str) -> None:
    found = explain(trained, text, method=method)
    assert found.tokens[0] == "xxbos"
    assert len(found.weights) == len(trained.tokenizer.encode(text))
    assert np.isfinite(found.weights).all()
    assert sum(place.weight for place in found.places()) == pytest.approx(sum(found.weights))


def test_a_model_that_reads_backwards_has_its_weights_in_the_order_of_the_text(
    trained: Predictor,
) -> None:
    text = "good film it was a plot"
    turned = Predictor(trained.model, trained.tokenizer, trained.classes, backwards=True)
    for method in ("integrated-gradients", "occlusion"):
        found = explain(turned, text, "pos", method)
        assert found.top(1)[0][0].text == "good"


def test_long_texts_are_occluded_and_readings_bounded(
    trained: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONG", 300)
    read = []
    plain = module.class_probabilities

    def counting(engine: object, documents: list[list[int]]) -> object:
        read.extend(documents)
        return plain(engine, documents)

    monkeypatch.setattr(module, "class_probabilities", counting)
    text = "the film was " * 60 + "good " + "it was a plot " * 60
    found = explain(trained, text, "pos", readings=64)
    assert found.method == "occlusion"
    assert len(read) <= 64 + 1  # and the one that finds the label
    assert max(found.widths) > 1
    assert found.top(1)[0][0].text == "good"
    assert explain(trained, "the film was good").method == "integrated-gradients"


def test_nothing_of_the_model_changes(trained: Predictor) -> None:
    before = {name: value.clone() for name, value in trained.model.state_dict().items()}
    for method in ("integrated-gradients", "occlusion"):
        explain(trained, "the film was good", method=method)
    assert not trained.model.training
    assert all(p.grad is None or p.grad.isfinite().all() for p in trained.model.parameters())
    assert all(torch.equal(v, before[n]) for n, v in trained.model.state_dict().items())


def test_a_blend_is_explained_as_a_function_of_texts(trained: Predictor) -> None:
    texts = [f"the film was {word} and it was a plot" for word in ("good", "bad")] * 6
    linear = fit_nbsvm(texts, ["pos", "neg"] * 6)

    def mixed(texts: list[str]) -> np.ndarray:
        ours = trained.probabilities(texts).double().numpy()
        theirs = linear.probabilities(texts)[:, [linear.classes.index(c) for c in ("neg", "pos")]]
        return blended(ours, theirs, 0.6)

    text = "It was a plot, and the film was GOOD…"
    found = explain_function(mixed, text, ["neg", "pos"])
    assert found.label == "pos"
    assert found.probability == pytest.approx(mixed([text])[0, 1])
    assert found.top(1)[0][0].text == "GOOD"
    assert [text[slice(*span)] for span in found.spans if span] == list(found.tokens)


def test_spans_of_a_function_may_be_given_and_a_text_without_words_is_explained() -> None:
    def first(texts: list[str]) -> list[list[float]]:
        return [[0.9, 0.1] if "好" in text else [0.2, 0.8] for text in texts]

    found = explain_function(first, "电影很好", ["a", "b"], spans=[(0, 2), (2, 3), (3, 4)])
    assert found.top(1)[0][0].text == "好"
    assert explain_function(first, "", ["a", "b"]).weights == ()
    for spans in ([(0, 2), (1, 3)], [(0, 5)], [(2, 1)]):
        with pytest.raises(DataError, match="spans"):
            explain_function(first, "电影很好", ["a", "b"], spans=spans)


def test_what_cannot_be_explained_is_refused(trained: Predictor) -> None:
    with pytest.raises(DataError, match="label is 'maybe'; the classes are 'neg', 'pos'"):
        explain(trained, "good", "maybe")
    with pytest.raises(DataError, match="method is 'lime'"):
        explain(trained, "good", method="lime")
    with pytest.raises(DataError, match="string"):
        explain(trained, 3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="3 classes"):
        explain_function(lambda texts: [[0.5, 0.5]] * len(texts), "good", ["a", "b", "c"])


def test_classes_may_be_of_any_kind_and_one_of_them_is_asked_for_as_it_is() -> None:
    def first(texts: list[str]) -> list[list[float]]:
        return [[0.9, 0.1] if "good" in text else [0.2, 0.8] for text in texts]

    for classes in (np.array([0, 1]), [0, 1], ("0", "1")):
        for label in (1, np.int64(1), "1"):
            found = explain_function(first, "good film", classes, label)
            assert type(found.label) is str
            assert found.label == "1"
            assert found.places()[0].weight < 0 == found.places()[1].weight
    with pytest.raises(DataError, match="label is 2; the classes are '0', '1'"):
        explain_function(first, "good", [0, 1], 2)


def test_words_that_are_alike_are_occluded_together_where_readings_allow_it() -> None:
    def any_good(texts: list[str]) -> list[list[float]]:
        return [[0.1, 0.9] if "good" in text.lower() else [0.6, 0.4] for text in texts]

    text = "Good film, good plot"
    assert set(explain_function(any_good, text, ["a", "b"], "b").weights) == {0.0}
    found = explain_function(any_good, text, ["a", "b"], "b", alike=True)
    whole = np.log(0.9 / 0.1) - np.log(0.4 / 0.6)
    assert found.weights == pytest.approx([whole / 2, 0, 0, whole / 2, 0])
    assert found.widths == (2, 1, 1, 2, 1)
    many = " ".join(f"w{n}" for n in range(200))  # more than readings: by window, as without
    found = explain_function(any_good, many, ["a", "b"], readings=64, alike=True)
    assert max(found.widths) > 1


def test_markers_of_fields_stay_markers_while_words_are_occluded(trained: Predictor) -> None:
    read: list[str] = []

    def probabilities(texts: list[str]) -> np.ndarray:
        read.extend(texts)
        return trained.probabilities(texts).numpy()

    text = join_fields(["the film", "was good, saw it"])
    assert explain_function(probabilities, text, trained.classes).top(1)[0][0].text == "good"
    assert explain_function(probabilities, text, trained.classes, alike=True).label == "pos"
    assert len(read) > 10
    assert not any("xxunk" in split_words(one) for one in read)
    assert [one.text for one in explain(trained, text).places()].count("xxfld") == 2
