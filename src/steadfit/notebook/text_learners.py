"""`language_model_learner` and `text_classifier_learner`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from steadfit.core.checks import whole_number
from steadfit.core.errors import DataError
from steadfit.files.model_folder import save_model
from steadfit.files.transfer import load_encoder, load_language_model
from steadfit.inference.deviation import DOCUMENTS, int8_deviation
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
from steadfit.notebook.learner import Learner, Listener
from steadfit.notebook.learner_arguments import (
    ClassWeights,
    bptt_of,
    check_arguments,
    class_weights_of,
    say_from_scratch,
    start_of,
)
from steadfit.notebook.names import folder_name
from steadfit.text.corpus import VALID
from steadfit.training.devices import generator_on
from steadfit.training.evaluation import evaluate, in_row_order
from steadfit.training.metrics import AnyMetric, accuracy, perplexity
from steadfit.training.nt_asgd import NONMONO
from steadfit.training.objective import ClassifierObjective, LanguageModelObjective
from steadfit.training.penalty_terms import Penalties
from steadfit.training.stages import STEPS_BETWEEN, Stages
from steadfit.training.state import FitPlan

AWD_LSTM = AWDLSTM
awd_lstm_lm_config = LANGUAGE_MODEL_DEFAULTS
awd_lstm_clas_config = CLASSIFIER_DEFAULTS

Metrics = AnyMetric | Sequence[AnyMetric]
Listeners = Listener | Sequence[Listener]


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
        return Writer(self.model, self.tokenizer, self.data.backwards)


class TextClassifierLearner(Learner):
    """A learner whose model labels documents."""

    kind = "classifier"

    @property
    def model(self) -> TextClassifier:
        """The model, in evaluation mode outside of fits."""
        assert isinstance(self.objective.model, TextClassifier)
        return self.objective.model

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
        return in_row_order(evaluate(self.objective, batches))

    def export(self, name: str | Path = "export") -> Path:
        """Write a model folder for `load_learner` and for people: weights, tokenizer, card.

        The card says how far int8 is from float32 on some validation documents.
        """
        folder = self.path / folder_name(name)
        saved = self._saved(self.model)
        found = int8_deviation(self.model, self._some_held_out())
        details = {**saved.details, "int8": None if found is None else found._asdict()}
        return save_model(folder, replace(saved, details=details))

    def _some_held_out(self) -> Iterator[list[int]]:
        store = self.data.store
        # Drawn, since documents often come in the order of their labels.
        for row in np.random.default_rng(0).permutation(store.rows(VALID))[:DOCUMENTS]:
            ids = store.checked(store[row]).tolist()
            yield ids[::-1] if self.data.backwards else ids

    def _predictor(self) -> Predictor:
        # As `get_preds`, which judges in float32.
        return Predictor(
            self.model, self.tokenizer, self.data.classes, self.data.backwards, engine="float32"
        )


def language_model_learner(
    data: DataBunch,
    arch: type[AWDLSTM] = AWDLSTM,
    *,
    drop_mult: float = 1.0,
    config: Mapping[str, Any] | None = None,
    pretrained: str | Path | Literal[False] | None = None,
    metrics: Metrics = (accuracy, perplexity),
    alpha: float = 2.0,
    beta: float = 1.0,
    beta_norm: float = 0.0,
    callbacks: Listeners = (),
    path: str | Path | None = None,
    wd: float = 0.01,
    clip: float | None = None,
    accumulate: int = 1,
    bf16: bool = False,
    seed: int = 0,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int = STEPS_BETWEEN,
    optimizer: str = "adamw",
    nonmono: int = NONMONO,
) -> LanguageModelLearner:
    """Make a learner for a language model.

    Args:
        data: from `label_for_lm().databunch()`.
        arch: `AWD_LSTM`.
        drop_mult: scales every dropout.
        config: overrides of fastai's hyperparameters, only the keys given.
        pretrained: a language model to start from, all but the last layer group frozen: its
            folder, or the name of an installed one (see `pretrained_folder`). Sizes are then the
            model's own. None or False starts from scratch.
        metrics: shown beside the loss: accuracy, perplexity, or for a classifier functions of
            scikit-learn's form.
        alpha: coefficient of AR.
        beta: coefficient of TAR.
        beta_norm: coefficient of the norm stabilizer; the notebook used 50.
        callbacks: for every fit.
        path: folder below which `models/` is written.
        wd: weight decay, of the kind that goes with the optimizer.
        clip: largest norm of the gradient.
        accumulate: batches a step.
        bf16: compute products in bfloat16 while training and validating; `validate`, `get_preds`
            and `predict` stay in float32.
        seed: of weights, dropout masks and order.
        checkpoint_dir: folder of its own in which fits keep what they need to go on after they
            were stopped.
        checkpoint_every: steps between checkpoints.
        optimizer: "adamw", "sgd", "asgd" or "nt-asgd" (see `FitPlan`).
        nonmono: of "nt-asgd": how many newest validation losses are not compared with.

    Raises:
        DataError: the data is for a classifier; a key of `config` does not exist.
        FileFormatError: `pretrained` is no language model, or `config` names other sizes or has
            no room for its decoder.
    """
    check_arguments(data, arch, "language-model", "language_model_learner", "label_for_lm()")
    start = start_of(pretrained, data)
    plan = FitPlan(
        1, 1.0, wd=wd, clip=clip, accumulate=accumulate, bf16=bf16, seed=seed, optimizer=optimizer,
        nonmono=nonmono,
    )  # fmt: skip
    stages = None if checkpoint_dir is None else Stages(checkpoint_dir, checkpoint_every)
    defaults = LANGUAGE_MODEL_DEFAULTS
    if start is not None:
        defaults = {**defaults, **start.sizes, **start.decoder}
    sizes = AWDLSTMConfig.from_defaults(defaults, len(data.vocab), drop_mult, config)
    model = LanguageModel(sizes, generator_on(None, seed))
    if start is None:
        say_from_scratch("language_model_learner")
    else:
        load_language_model(model, data.vocab, start, data.backwards)
    objective = LanguageModelObjective(model, Penalties(alpha, beta, beta_norm))
    learner = LanguageModelLearner(
        data, objective, metrics, callbacks, path, plan=plan, stages=stages
    )
    if start is not None:
        learner.freeze()
    return learner


def text_classifier_learner(
    data: DataBunch,
    arch: type[AWDLSTM] = AWDLSTM,
    *,
    drop_mult: float = 1.0,
    config: Mapping[str, Any] | None = None,
    pretrained: str | Path | Literal[False] | None = None,
    metrics: Metrics = (accuracy,),
    alpha: float = 2.0,
    beta: float = 1.0,
    beta_norm: float = 0.0,
    callbacks: Listeners = (),
    path: str | Path | None = None,
    wd: float = 0.01,
    clip: float | None = None,
    accumulate: int = 1,
    bf16: bool = False,
    seed: int = 0,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int = STEPS_BETWEEN,
    bptt: int | None = None,
    grad_tokens: int = 1400,
    class_weights: ClassWeights | None = None,
    label_smoothing: float = 0.0,
) -> TextClassifierLearner:
    """Make a learner for a document classifier, trained with AdamW.

    Arguments are those of `language_model_learner` but for the optimizer, and:

    Args:
        bptt: gradients flow through at most so many steps; the data's by default.
        grad_tokens: a document's windows before its last so many tokens get no gradient.
        class_weights: how much a document of each class counts in training: a number for each
            class, in the order of `data.classes` or by name; or "balanced", the rarer the more.
        label_smoothing: how much of each target is spread over all classes, from 0 to below 1.
            Neither changes what validation reports (docs/classifier-losses.md).

    Documents labelled with sets of classes make a classifier for several classes a document.
    """
    check_arguments(data, arch, "classifier", "text_classifier_learner", "label_from_folder()")
    if data.bs < 2:
        raise DataError(
            "bs=1: batch normalisation in the classifier's head needs two documents; make the data "
            "with bs=2 or more."
        )
    start = start_of(pretrained, data)
    plan = FitPlan(1, 1.0, wd=wd, clip=clip, accumulate=accumulate, bf16=bf16, seed=seed)
    stages = None if checkpoint_dir is None else Stages(checkpoint_dir, checkpoint_every)
    defaults = CLASSIFIER_DEFAULTS if start is None else {**CLASSIFIER_DEFAULTS, **start.sizes}
    sizes = AWDLSTMConfig.from_defaults(defaults, len(data.vocab), drop_mult, config)
    model = TextClassifier(
        sizes,
        len(data.classes),
        bptt_of(bptt, data),
        whole_number("grad_tokens", grad_tokens, 1),
        generator=generator_on(None, seed),
        multi_label=data.store.multi_label,
    )
    if start is None:
        say_from_scratch("text_classifier_learner")
    else:
        load_encoder(model.encoder, data.vocab, start, data.backwards)
    objective = ClassifierObjective(
        model,
        Penalties(alpha, beta, beta_norm),
        class_weights=class_weights_of(class_weights, data),
        label_smoothing=label_smoothing,
    )
    learner = TextClassifierLearner(
        data, objective, metrics, callbacks, path, plan=plan, stages=stages
    )
    if start is not None:
        learner.freeze()
    return learner
