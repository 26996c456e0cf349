"""A language model of general text, trained from nothing and judged in bits per byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from experiments._glove import fill_from_glove
from experiments._runs import stamp
from steadfit.data.lm_stream import LanguageModelStream
from steadfit.data.prepare import prepare_tokens
from steadfit.files.compact import Numbers
from steadfit.files.model_folder import SavedModel, save_model
from steadfit.files.transfer import Pretrained, load_language_model, read_pretrained
from steadfit.kernels.precision import has_fast_bf16
from steadfit.models.config import LANGUAGE_MODEL_DEFAULTS, AWDLSTMConfig
from steadfit.models.language_model import LanguageModel
from steadfit.text.corpus import TRAIN, VALID, Corpus
from steadfit.text.tokenizer import WORDS, Tokenizer
from steadfit.text.vocab import UNK, Vocab
from steadfit.training.devices import generator_on
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.history import History
from steadfit.training.objective import LanguageModelObjective
from steadfit.training.penalty_terms import Penalties
from steadfit.training.sampled_softmax import SampledSoftmax
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan


@dataclass(frozen=True)
class Pretraining:
    """What a language model is, and how it is trained.

    Attributes:
        tokenizer: "words" or "subwords".
        vocab: tokens at most.
        emb_sz: units of a token, and of the last layer.
        n_hid: units of the layers between.
        n_layers: LSTMs.
        epochs: passes over the text.
        rows: texts read side by side.
        bptt: steps of a window.
        lr: the largest rate of one cycle.
        drop_mult: scales the dropouts of a language model.
        alpha, beta, beta_norm: coefficients of AR, TAR and the norm stabilizer.
        backwards: read each document from its end.
        words: of the training text; None is all of it.
        numbers: how the weights are stored.
        seed: of weights, order and masks.
        glove: begin with GloVe's vectors in the first columns of the embedding.
        sampled: train against a part of the vocabulary at a time (`SampledSoftmax`).
        start: begin with the weights of another language model, a name or a folder, whatever
            direction it reads in.
    """

    tokenizer: str = "words"
    vocab: int = 30_000
    emb_sz: int = 256
    n_hid: int = 768
    n_layers: int = 3
    epochs: int = 5
    rows: int = 64
    bptt: int = 70
    lr: float = 4e-3
    drop_mult: float = 0.3
    alpha: float = 2.0
    beta: float = 1.0
    beta_norm: float = 0.0
    backwards: bool = False
    words: int | None = None
    numbers: Numbers = "int8"
    seed: int = 0
    glove: bool = False
    sampled: bool = False
    start: str | None = None

    def settings(self) -> dict[str, Any]:
        """Return plain values, without what is not used: runs from before it was known count."""
        values = asdict(self)
        return {name: v for name, v in values.items() if v or name not in _LATER}


_LATER = ("glove", "sampled", "start")


def pretrain(
    how: Pretraining, texts: Corpus, folder: Path, checkpoints: Path | None = None
) -> dict[str, Any]:
    """Train, save the model to `folder`, and return its figures; it goes on where it was stopped.

    `bits_per_byte` is the length of a code for the validation text: the model's bits for every
    token, and eight for each byte of a word it has no token for.
    """
    most = "max_vocab" if how.tokenizer == WORDS else "vocab_size"
    store, vocab = prepare_tokens(texts, tokenizer=how.tokenizer, **{most: how.vocab})
    reading = {"bptt": how.bptt, "backwards": how.backwards}
    train = LanguageModelStream(store, store.rows(TRAIN), how.rows, seed=how.seed, **reading)
    sizes = {"emb_sz": how.emb_sz, "n_hid": how.n_hid, "n_layers": how.n_layers}
    config = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, len(vocab), how.drop_mult, sizes)
    model = LanguageModel(config, generator_on(None, how.seed))
    if how.glove:
        fill_from_glove(model.encoder.embedding.weight, vocab)
    if how.start is not None:
        start = read_pretrained(how.start)
        load_language_model(model, vocab, start, start.saved.backwards)
    sampled = None
    if how.sampled:
        sampled = SampledSoftmax(store.token_counts(store.rows(TRAIN), len(vocab)))
    penalties = Penalties(how.alpha, how.beta, how.beta_norm)
    objective = LanguageModelObjective(model, penalties, sampled)
    bf16 = has_fast_bf16()
    plan = FitPlan(how.epochs, how.lr, moms=(0.8, 0.7), bf16=bf16, clip=0.25, seed=how.seed)
    history = History()
    stages = None if checkpoints is None else Stages(checkpoints)
    fit(objective, train, None, plan, history, stages=stages)
    tokenizer = Tokenizer.of(vocab)
    figures = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "training_tokens": train.tokens,
        "training_seconds": round(sum(epoch.seconds for epoch in history.epochs)),
        "tokens_per_second": round(history.epochs[-1].tokens_per_second),
        **judged(model, tokenizer, texts.part(VALID).texts, how.backwards),
    }
    details = {"recipe": how.settings(), **stamp()}
    saved = SavedModel(model, tokenizer, (), how.backwards, details, figures)
    save_model(folder, saved, numbers=how.numbers)
    return {**figures, "megabytes": megabytes(folder)}


def judged(
    model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[str], backwards: bool
) -> dict[str, float]:
    """Return perplexity and bits per byte of texts that the model has not learned from."""
    store, _ = prepare_tokens(Corpus(texts), vocab=tokenizer.vocab)
    batches = LanguageModelStream(store, range(len(store)), 16, shuffle=False, backwards=backwards)
    objective = LanguageModelObjective(model, Penalties())
    loss = evaluate(objective, batches, has_fast_bf16()).loss
    return {
        "perplexity": round(math.exp(loss), 2),
        "bits_per_byte": round(_bits_per_byte(loss, tokenizer, texts), 4),
    }


def trimmed(saved: SavedModel, tokens: int) -> SavedModel:
    """Return a language model of the first so many tokens of its vocabulary, the commonest."""
    old = saved.tokenizer.vocab
    vocab = Vocab(old.itos[:tokens])
    assert isinstance(saved.model, LanguageModel)
    model = LanguageModel(replace(saved.model.config, vocab_size=len(vocab)), generator_on(None, 0))
    load_language_model(model, vocab, Pretrained(saved, "the whole model"), saved.backwards)
    return replace(saved, model=model.eval(), tokenizer=Tokenizer.of(vocab))


def megabytes(folder: Path) -> float:
    """Return the size of a folder's files, in millions of bytes."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return round(size / 1e6, 2)


def _bits_per_byte(loss: float, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Return the bits a byte of the texts takes, at `loss` nats a token."""
    tokens = unknown = size = 0
    for text in texts:
        ids = tokenizer.encode(text)
        tokens += len(ids) - 1  # xxbos stands before the text and is not predicted
        # A word without a token has the mean length of the text's words.
        unknown += ids.count(UNK) * len(text.encode()) / max(1, text.count(" ") + 1)
        size += len(text.encode())
    return (tokens * loss / math.log(2) + 8 * unknown) / size
