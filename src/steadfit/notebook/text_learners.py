"""`language_model_learner`, `text_classifier_learner` and `load_learner`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.model_folder import load_model
from steadfit.files.transfer import load_encoder, load_language_model
from steadfit.inference.predictor import Prediction, Predictor
from steadfit.inference.writer import Writer
from steadfit.models.classifier import TextClassifier
from steadfit.models.config import (
    CLASSIFIER_DEFAULTS,
    LANGUAGE_MODEL_DEFAULTS,
    AWDLSTMConfig,
)
from steadfit.models.language_model import LanguageModel
from steadfit.models.recurrent import AWDLSTM
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.learner import Learner, Listener, folder_name
from steadfit.text.tokenizer import Tokenizer
from steadfit.training.devices import seeded
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.metrics import Metric, accuracy, perplexity
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.penalty_terms import Penalties

AWD_LSTM = AWDLSTM
awd_lstm_lm_config = LANGUAGE_MODEL_DEFAULTS
awd_lstm_clas_config = CLASSIFIER_DEFAULTS

Metrics = Sequence[Metric | Callable[..., Any]]


class LanguageModelLearner(Learner):
    """A learner whose model predicts the next word."""

    kind = "language-model"

    @property
    def model(self) -> LanguageModel:
        """The model, in evaluation mode outside of fits."""
        assert isinstance(self.objective.model, LanguageModel)
        return self.objective.model

    def predict(
        self, text: str, n_words: int = 1, temperature: float = 1.0, seed: int | None = None
    ) -> str:
        """Return `text` with `n_words` more tokens (see `Writer.predict`)."""
        return self._writer().predict(text, n_words, temperature, seed)

    def perplexities(self, texts: Iterable[str]) -> Tensor:
        """Return the perplexity of each text (see `Writer.perplexities`)."""
        return self._writer().perplexities(texts)

    def _writer(self) -> Writer:
        return Writer(self.model, Tokenizer(self.data.vocab), self.data.backwards)


class TextClassifierLearner(Learner):
    """A learner whose model labels documents."""

    kind = "classifier"

    @property
    def model(self) -> TextClassifier:
        """The model, in evaluation mode outside of fits."""
        assert isinstance(self.objective.model, TextClassifier)
        return self.objective.model

    def load_encoder(self, name: str) -> None:
        """Fill the encoder from `models/NAME` or a folder, then freeze all but the head.

        Matching and errors are those of `Learner.load_encoder`.
        """
        super().load_encoder(name)
        self.freeze()

    def predict(self, text: str) -> Prediction:
        """Return label, index and probabilities of a text."""
        return self._predictor().predict(text)

    def predict_many(self, texts: Iterable[str]) -> list[Prediction]:
        """Return label, index and probabilities of each text, in order."""
        return self._predictor().predict_many(texts)

    def get_preds(self, part: Literal["valid", "train"] = "valid") -> tuple[Tensor, Tensor]:
        """Return probabilities `(documents, classes)` and labels, in the order of the input."""
        if part not in ("valid", "train"):
            raise DataError(f"get_preds({part!r}): accepted are 'valid' and 'train'.")
        batches = self._held_out() if part == "valid" else self.data.train_batches()
        return in_row_order(evaluate(self.objective, batches, self.bf16))

    def _predictor(self) -> Predictor:
        tokenizer = Tokenizer(self.data.vocab)
        return Predictor(self.model, tokenizer, self.data.classes, self.data.backwards)


def language_model_learner(
    data: DataBunch,
    arch: type[AWDLSTM] = AWDLSTM,
    drop_mult: float = 1.0,
    config: Mapping[str, Any] | None = None,
    pretrained: str | Path | None = None,
    metrics: Metrics = (accuracy, perplexity),
    alpha: float = 2.0,
    beta: float = 1.0,
    beta_norm: float = 0.0,
    callbacks: Sequence[Listener] = (),
    path: str | Path | None = None,
    wd: float = 0.01,
    clip: float | None = None,
    accumulate: int = 1,
    bf16: bool = False,
    seed: int = 0,
) -> LanguageModelLearner:
    """Make a learner for a language model.

    Args:
        data: from `label_for_lm().databunch()`.
        arch: `AWD_LSTM`.
        drop_mult: scales every dropout.
        config: overrides of fastai's hyperparameters, only the keys given.
        pretrained: folder of a language model to start from; None starts from scratch.
        metrics: shown beside the loss.
        alpha: coefficient of AR.
        beta: coefficient of TAR.
        beta_norm: coefficient of the norm stabilizer; the notebook used 50.
        callbacks: for every fit.
        path: folder below which `models/` is written.
        wd: weight decay.
        clip: largest norm of the gradient.
        accumulate: batches a step.
        bf16: compute products in bfloat16.
        seed: of weights, dropout masks and order.

    Raises:
        DataError: the data is for a classifier; a key of `config` does not exist.
        FileFormatError: `pretrained` is not a language model of these sizes.
    """
    _check(data, arch, "language-model", "language_model_learner", "label_for_lm()")
    sizes = AWDLSTMConfig.from_defaults(LANGUAGE_MODEL_DEFAULTS, len(data.vocab), drop_mult, config)
    with seeded(seed):
        model = LanguageModel(sizes)
    if pretrained is None:
        _say_from_scratch("language_model_learner")
    else:
        load_language_model(model, data.vocab, pretrained, data.backwards)
    objective = LanguageModelObjective(model, Penalties(alpha, beta, beta_norm))
    learner = LanguageModelLearner(
        data, objective, metrics, callbacks, path, wd, clip, accumulate, bf16, seed
    )
    if pretrained is not None:
        learner.freeze()
    return learner


def text_classifier_learner(
    data: DataBunch,
    arch: type[AWDLSTM] = AWDLSTM,
    drop_mult: float = 1.0,
    config: Mapping[str, Any] | None = None,
    pretrained: str | Path | None = None,
    metrics: Metrics = (accuracy,),
    alpha: float = 2.0,
    beta: float = 1.0,
    beta_norm: float = 0.0,
    callbacks: Sequence[Listener] = (),
    path: str | Path | None = None,
    wd: float = 0.01,
    clip: float | None = None,
    accumulate: int = 1,
    bf16: bool = False,
    seed: int = 0,
    bptt: int | None = None,
    grad_tokens: int = 1400,
) -> TextClassifierLearner:
    """Make a learner for a document classifier; arguments as `language_model_learner`, and:

    Args:
        bptt: gradients flow through at most so many steps; the data's by default.
        grad_tokens: a document's windows before its last so many tokens get no gradient.
    """
    _check(data, arch, "classifier", "text_classifier_learner", "label_from_folder()")
    sizes = AWDLSTMConfig.from_defaults(CLASSIFIER_DEFAULTS, len(data.vocab), drop_mult, config)
    with seeded(seed):
        model = TextClassifier(sizes, len(data.classes), bptt or data.bptt, grad_tokens)
    if pretrained is None:
        _say_from_scratch("text_classifier_learner")
    else:
        load_encoder(model.encoder, data.vocab, pretrained, data.backwards)
    objective = ClassifierObjective(model, Penalties(alpha, beta, beta_norm))
    learner = TextClassifierLearner(
        data, objective, metrics, callbacks, path, wd, clip, accumulate, bf16, seed
    )
    if pretrained is not None:
        learner.freeze()
    return learner


def load_learner(path: str | Path, file: str | None = None) -> Predictor | Writer:
    """Read what `export` wrote: a `Predictor` for a classifier, a `Writer` for a language model.

    Args:
        path: the model folder, or the folder it is in.
        file: the model folder's name below `path`, as fastai takes it.

    Raises:
        FileFormatError: see `load_model`.
    """
    folder = Path(path) / folder_name(file) if file is not None else Path(path)
    if file is None and not (folder / "config.json").exists():
        folder = folder / "export"
    if load_model(folder).kind == "language-model":
        return Writer.load(folder)
    return Predictor.load(folder)


def _check(data: DataBunch, arch: object, kind: str, maker: str, call: str) -> None:
    if arch is not AWDLSTM:
        raise DataError(f"{maker}: arch is {arch!r}; accepted is AWD_LSTM.")
    if data.kind != kind:
        raise DataError(
            f"{maker} needs data for a {kind}, this is for a {data.kind}; label it with {call}."
        )


def _say_from_scratch(maker: str) -> None:
    say(f"{maker}: no pretrained weights, training starts from scratch.")
