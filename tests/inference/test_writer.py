from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from steadfit.core.errors import DataError, FileFormatError
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.inference import writer as module
from steadfit.inference.readable import join_words, undo_markers
from steadfit.inference.writer import Writer
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.text.tokenizer import Tokenizer
from steadfit.text.vocab import PAD, UNK

TEXTS = ["The film was good.", "bad", "a plot and a plot and it was a film. I was good. " * 2]


@pytest.fixture
def writer(language_model: LanguageModel, tokenizer: Tokenizer) -> Writer:
    return Writer(language_model, tokenizer)


def plain_logits(model: LanguageModel, ids: list[int]) -> Tensor:
    """Score the word after each token by the layers' own forward: (time, words)."""
    with torch.no_grad():
        x = model.encoder.embedding(torch.tensor([ids]))
        for layer in model.encoder.rnns:
            x, _ = layer(x)
        return model.decoder(x)[0]


def greedy(model: LanguageModel, ids: list[int], n_words: int) -> list[int]:
    """Take the likeliest word each time, reading the whole text again."""
    ids, start = list(ids), len(ids)
    for _ in range(n_words):
        scores = plain_logits(model, ids)[-1]
        ids.append(
            max((i for i in range(len(scores)) if i not in (UNK, PAD)), key=scores.__getitem__)
        )
    return ids[start:]


@pytest.fixture(params=[1, 3, 512])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "READING_WINDOW", request.param)
    return request.param


@pytest.mark.parametrize("text", [*TEXTS, ""])
def test_temperature_zero_writes_what_a_loop_that_reads_everything_again_writes(
    text: str, window: int, writer: Writer
) -> None:
    tokens = greedy(writer.model, writer.tokenizer.encode(text), 12)
    assert len(set(tokens)) > 2
    words = undo_markers([writer.tokenizer.vocab.itos[token] for token in tokens])
    assert writer.predict(text, 12, temperature=0) == join_words([text, *words])


@pytest.mark.parametrize("temperature", [1e-6, 1e-38, 1e-320])
def test_a_tiny_temperature_is_greedy_too(temperature: float, writer: Writer) -> None:
    assert writer.predict("the film", 12, temperature) == writer.predict("the film", 12, 0)


def test_a_seed_repeats_the_draw_and_leaves_the_random_numbers_of_others_alone(
    writer: Writer,
) -> None:
    random = torch.get_rng_state()
    drawn = {seed: writer.predict("the film", 20, seed=seed) for seed in range(5)}
    assert drawn == {seed: writer.predict("the film", 20, seed=seed) for seed in range(5)}
    assert len(set(drawn.values())) == 5
    assert len({writer.predict("the film", 20) for _ in range(3)}) == 3
    assert torch.equal(torch.get_rng_state(), random)


def test_words_are_drawn_as_often_as_their_probability_says(writer: Writer) -> None:
    logits = torch.log(torch.tensor([5.0, 5.0, 0.6, 0.3, 0.1]))
    generator = torch.Generator().manual_seed(0)
    for temperature, power in ((1.0, 1.0), (0.5, 2.0), (2.0, 0.5)):
        counts = torch.zeros(5)
        for _ in range(3000):
            counts[module._draw(logits.clone(), temperature, generator)] += 1
        expected = torch.tensor([0, 0, 0.6**power, 0.3**power, 0.1**power])
        torch.testing.assert_close(counts / 3000, expected / expected.sum(), rtol=0, atol=0.03)


@pytest.mark.parametrize("temperature", [0, 1, 100])
def test_neither_the_unknown_word_nor_padding_is_ever_drawn(
    temperature: float, writer: Writer
) -> None:
    with torch.no_grad():
        writer.model.decoder.bias[[UNK, PAD]] = 100
    ids = writer._write([2], 100, temperature, torch.Generator().manual_seed(0))
    assert len(ids) == 100
    assert not {UNK, PAD} & set(ids)


def test_backwards_writes_what_comes_before(
    language_model: LanguageModel, tokenizer: Tokenizer
) -> None:
    text = "was good"
    start, *words = tokenizer.encode(text)
    drawn = greedy(language_model, [start, *words[::-1]], 8)
    before = undo_markers([tokenizer.vocab.itos[token] for token in drawn[::-1]])
    got = Writer(language_model, tokenizer, backwards=True).predict(text, 8, temperature=0)
    assert got == join_words([*before, text])
    assert got.endswith("was good")


def test_no_words_more_are_the_text(writer: Writer) -> None:
    assert writer.predict("The  film!", 0) == "The  film!"


@pytest.mark.parametrize("backwards", [False, True])
def test_perplexities_are_those_of_the_logits_of_each_text_alone(
    backwards: bool, window: int, language_model: LanguageModel, tokenizer: Tokenizer
) -> None:
    writer = Writer(language_model, tokenizer, backwards)
    got = writer.perplexities(iter(TEXTS))
    for text, value in zip(TEXTS, got, strict=True):
        start, *words = tokenizer.encode(text)
        ids = [start, *(words[::-1] if backwards else words)]
        log_p = plain_logits(language_model, ids)[:-1].double().log_softmax(dim=1)
        losses = [-log_p[place, word].item() for place, word in enumerate(ids[1:])]
        expected = torch.tensor(sum(losses) / len(losses)).exp()
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=0)
    assert not got.is_inference()


def test_a_text_without_a_word_has_no_perplexity(writer: Writer) -> None:
    assert writer.perplexities(["", "bad"]).isnan().tolist() == [True, False]
    assert writer.perplexities([]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: w.predict("a", -1), "n_words is -1"),
        (lambda w: w.predict("a", 1, -0.5), "temperature is -0.5"),
        (lambda w: w.predict("a", 1, float("nan")), "temperature is nan"),
        (lambda w: w.predict("a", 1, float("inf")), "temperature is inf"),
        (lambda w: w.predict(["a"]), "string"),
        (lambda w: w.perplexities("a text"), "One string was given; give a list"),
        (lambda w: w.perplexities(None), "texts is None; give a list"),
        (lambda w: w.perplexities([None]), "string"),
    ],
)
def test_impossible_arguments_are_refused(
    call: Callable[[Writer], object], message: str, writer: Writer
) -> None:
    with pytest.raises(DataError, match=message):
        call(writer)


def test_writing_and_scoring_change_nothing(
    writer: Writer, unchanged: Callable[[nn.Module], Callable[[], bool]]
) -> None:
    same = unchanged(writer.model)
    writer.predict("the film", 5)
    writer.perplexities(TEXTS)
    assert same()


def test_a_saved_language_model_writes_the_same_and_another_kind_is_refused(
    writer: Writer, tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "m", SavedModel(writer.model, writer.tokenizer))
    assert Writer.load(folder).predict("the", 9, seed=3) == writer.predict("the", 9, seed=3)
    encoder = writer.model.encoder
    assert isinstance(encoder, AWDLSTM)
    save_model(tmp_path / "e", SavedModel(encoder, writer.tokenizer))
    with pytest.raises(FileFormatError, match="language-model is needed"):
        Writer.load(tmp_path / "e")


def test_a_model_in_training_mode_is_refused_and_left_so(
    language_model: LanguageModel, tokenizer: Tokenizer
) -> None:
    writer = Writer(language_model, tokenizer)
    language_model.train()
    for ask in (
        lambda: Writer(language_model, tokenizer),
        lambda: writer.predict("the film"),
        lambda: writer.perplexities(["the film"]),
    ):
        with pytest.raises(DataError, match=r"training mode.*model\.eval\(\)"):
            ask()
    assert language_model.training
