"""fastai 1's learner: a model, its data, and the fits made so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.model_config import Kind
from steadfit.files.model_folder import Model, SavedModel, load_model, save_model
from steadfit.files.transfer import load_encoder
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.layers import LayerTable
from steadfit.notebook.names import folder_name, model_of
from steadfit.notebook.penalty_names import PenaltyNames
from steadfit.notebook.recorder import Recorder
from steadfit.text.tokenizer import Tokenizer
from steadfit.training import optimizer
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.logs import EpochTable
from steadfit.training.lr_finder import RangeTest, find_lr
from steadfit.training.metrics import AnyMetric, as_metrics
from steadfit.training.objective import Objective
from steadfit.training.optimizer import Rate
from steadfit.training.stages import Stages
from steadfit.training.state import FitPlan

Listener = Callback | PenaltyNames
LR = slice(3e-3)  # fastai 1's: 3e-3 for the last layer group, a tenth of it for those below


class Learner:
    """Trains a model on a data bunch; made by `language_model_learner` and its sister.

    Args:
        data: what to train and validate on.
        objective: the model with its penalties.
        metrics: figures shown beside the loss.
        callbacks: for every fit; `RNNTrainer` and `RNNTrainerNorm` set the penalties.
        path: folder below which `models/` is written; the data's by default.
        plan: the arguments that all fits share: wd, clip, accumulate, bf16, seed.
        stages: where fits keep what they need to go on after they were stopped; run the same
            program again and finished fits are skipped, the open one goes on.
    """

    kind: ClassVar[Kind]

    def __init__(
        self,
        data: DataBunch,
        objective: Objective,
        metrics: AnyMetric | Sequence[AnyMetric],
        callbacks: Listener | Sequence[Listener] = (),
        path: str | Path | None = None,
        *,
        plan: FitPlan,
        stages: Stages | None = None,
    ) -> None:
        self.data = data
        self.objective = objective.eval()
        self.tokenizer = Tokenizer.of(data.vocab)
        self.metrics = as_metrics(metrics, labelled=self.kind == "classifier")
        self.callbacks = _listeners(callbacks)
        self.path = Path(data.path if path is None else path).expanduser()
        self.plan = plan
        self.recorder = Recorder(History())
        self._figures: dict[str, Any] = {}  # of the weights as they are
        self._trained_with = asdict(objective.penalties)
        self._stage = 0
        self._stages = stages

    @property
    def model(self) -> LanguageModel | TextClassifier:
        """The model, in evaluation mode outside of fits."""
        return self.objective.model

    @property
    def layer_groups(self) -> list[list[Any]]:
        """What `freeze_to` counts and a slice of learning rates spreads over."""
        return self.model.layer_groups()

    def fit_one_cycle(
        self,
        cyc_len: int,
        max_lr: Rate = LR,
        moms: tuple[float, float] = (0.8, 0.7),
        *,
        wd: float | None = None,
        callbacks: Listener | Sequence[Listener] = (),
    ) -> None:
        """Train for `cyc_len` epochs on fastai 1's one-cycle curve.

        `max_lr` is a number for all layer groups, or a slice over them (see `layer_rates`); the
        momentum falls from the first of `moms` to the second and rises again.
        """
        self._fit(cyc_len, max_lr, "one_cycle", moms, wd, callbacks)

    def fit(
        self,
        epochs: int,
        lr: Rate = LR,
        wd: float | None = None,
        callbacks: Listener | Sequence[Listener] = (),
        *,
        schedule: str = "constant",
        moms: tuple[float, float] = (0.9, 0.9),
    ) -> None:
        """Train at a constant rate, or on `schedule="slanted_triangular"`."""
        self._fit(epochs, lr, schedule, moms, wd, callbacks)

    def lr_find(
        self, start_lr: float = 1e-7, end_lr: float = 10.0, num_it: int = 100, stop_div: bool = True
    ) -> RangeTest:
        """Try growing rates on a copy; `recorder.plot()` draws it, `.suggestion` names a rate."""
        plan = self._plan(1, 1.0, "constant", (0.9, 0.9), None)
        batches = self.data.train_batches()
        with self._penalties(self.callbacks):
            result = find_lr(self.objective, batches, plan, start_lr, end_lr, num_it, stop_div)
        self.recorder.keep(result)
        say(f"lr_find: {result.advice}")
        return result

    def validate(self) -> list[float]:
        """Return the validation loss and the metrics, in the order of `metrics`."""
        evaluation = evaluate(self.objective, self._held_out())
        return [evaluation.loss, *(metric(evaluation) for metric in self.metrics)]

    def freeze(self) -> None:
        """Train the last layer group only."""
        self.freeze_to(-1)

    def freeze_to(self, n: int) -> None:
        """Train the layer groups from number `n` on; -2 is the last two."""
        optimizer.freeze_to(self.layer_groups, n)

    def unfreeze(self) -> None:
        """Train all layer groups."""
        self.freeze_to(0)

    def layers(self) -> LayerTable:
        """Return the table of modules, parameters and requires_grad."""
        return LayerTable.of(self.model)

    def save(self, name: str | Path) -> Path:
        """Write the model to `models/NAME`, to go on from with `load`."""
        return save_model(self._models(name), self._saved(self.model))

    def load(self, name: str | Path) -> Learner:
        """Take back the weights of `save`.

        Raises:
            DataError: vocabulary, sizes, classes or direction are not those of this learner.
            FileFormatError: see `load_model`.
        """
        saved = load_model(self._models(name), kind=self.kind)
        if saved.tokenizer.vocab != self.data.vocab:
            raise DataError(
                f"{self._models(name)} was saved with another vocabulary "
                f"({len(saved.tokenizer.vocab):,} words; this data has {len(self.data.vocab):,}). "
                "Use load_encoder, which matches words, or build the data with that vocabulary."
            )
        if _shape(saved) != _shape(self._saved(self.model)):
            raise DataError(
                f"{self._models(name)} has other sizes, classes or another direction than this "
                "learner; build the learner with the config= and data it was saved with."
            )
        self.model.load_state_dict(saved.model.state_dict())
        self._figures = dict(saved.metrics)
        self._trained_with = saved.details.get("penalties", self._trained_with)
        return self

    def save_encoder(self, name: str | Path) -> Path:
        """Write the encoder to `models/NAME`, with vocabulary and configuration inside."""
        return save_model(self._models(name), self._saved(self.model.encoder))

    def load_encoder(self, name: str | Path) -> None:
        """Fill the encoder from `models/NAME`, a path or an installed model; then `freeze`.

        Words are matched by their text; a word the saved vocabulary lacks gets the mean row.

        Raises:
            FileFormatError: sizes or direction differ; the message names them.
        """
        source = model_of(self.path / "models", name)
        load_encoder(self.model.encoder, self.data.vocab, source, self.data.backwards)
        self._figures = {}
        self.freeze()

    def export(self, name: str | Path = "export") -> Path:
        """Write a model folder for `load_learner` and for people: weights, tokenizer, card."""
        return save_model(self.path / folder_name(name), self._saved(self.model))

    def _fit(
        self,
        epochs: int,
        lr: Rate,
        schedule: str,
        moms: tuple[float, float],
        wd: float | None,
        callbacks: Listener | Sequence[Listener],
    ) -> None:
        plan = self._plan(epochs, lr, schedule, moms, wd)
        listeners = [*self.callbacks, *_listeners(callbacks)]
        with self._penalties(listeners):
            began = True
            try:
                run = fit(
                    self.objective,
                    self.data.train_batches(),
                    self.data.valid_batches(),
                    plan,
                    self.recorder.history,
                    [EpochTable(), *(one for one in listeners if isinstance(one, Callback))],
                    self.metrics,
                    self._stages,
                )
            except DataError:  # refused before its first step: the corrected call takes its place
                began = False
                raise
            except BaseException:  # it was broken off: nobody has judged these weights
                self._figures = {}
                raise
            finally:
                self._stage += began
            self._figures = {} if run.judged is None else dict(run.judged.figures)
            self._trained_with = asdict(self.objective.penalties)

    @contextmanager
    def _penalties(self, listeners: Sequence[Listener]) -> Iterator[None]:
        """Set the penalties that the last `RNNTrainer` of `listeners` names, inside the block."""
        usual = self.objective.penalties
        for one in listeners:
            if isinstance(one, PenaltyNames):
                self.objective.penalties = one.penalties
        try:
            yield
        finally:
            self.objective.penalties = usual

    def _plan(
        self, epochs: int, lr: Rate, schedule: str, moms: tuple[float, float], wd: float | None
    ) -> FitPlan:
        return replace(
            self.plan,
            epochs=epochs,
            lr=lr,
            schedule=schedule,
            moms=moms,
            wd=self.plan.wd if wd is None else wd,
            stage=self._stage,
            first_epoch=len(self.recorder.history.epochs),
        )

    def _held_out(self) -> Any:
        batches = self.data.valid_batches()
        if batches is None:
            raise DataError(
                "This data has no validation part; split it with split_by_rand_pct(0.1) or "
                "split_by_folder()."
            )
        return batches

    def _models(self, name: str | Path) -> Path:
        return self.path / "models" / folder_name(name)

    def _saved(self, model: Model) -> SavedModel:
        details = {
            "seed": self.plan.seed,
            "penalties": self._trained_with,
            "data": self.data.store.meta,
        }
        classes, backwards = tuple(self.data.classes), self.data.backwards
        return SavedModel(model, self.tokenizer, classes, backwards, details, self._figures)


def _listeners(given: Listener | Sequence[Listener]) -> list[Listener]:
    several = [given] if isinstance(given, Listener) else given
    for one in several:
        if not isinstance(one, Listener):
            raise DataError(
                f"A callback is {one!r}; accepted are objects of a subclass of Callback, such as "
                "EarlyStopping(), and RNNTrainer(...) or RNNTrainerNorm(...)."
            )
    return list(several)


def _shape(saved: SavedModel) -> tuple[Any, ...]:
    sizes = saved.model.config
    decoder = (sizes.tie_weights, sizes.out_bias)
    several = isinstance(saved.model, TextClassifier) and saved.model.multi_label
    return sizes.layer_sizes, decoder, saved.classes, several, saved.backwards
