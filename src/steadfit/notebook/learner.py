"""fastai 1's learner: a model, its data, and the fits made so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from steadfit.core.console import say
from steadfit.core.errors import DataError
from steadfit.files.model_folder import Kind, Model, SavedModel, load_model, save_model
from steadfit.files.transfer import load_encoder
from steadfit.models.classifier import TextClassifier
from steadfit.models.language_model import LanguageModel
from steadfit.notebook.data_bunch import DataBunch
from steadfit.notebook.layers import LayerTable
from steadfit.notebook.penalty_names import PenaltyNames, RNNTrainer, RNNTrainerNorm
from steadfit.notebook.recorder import Recorder
from steadfit.text.tokenizer import Tokenizer
from steadfit.training import optimizer
from steadfit.training.callbacks import EpochTable
from steadfit.training.engine import fit
from steadfit.training.evaluation import evaluate
from steadfit.training.events import Callback
from steadfit.training.history import History
from steadfit.training.lr_finder import RangeTest, find_lr
from steadfit.training.metrics import Metric, as_metric
from steadfit.training.objective import Objective
from steadfit.training.optimizer import Rate
from steadfit.training.state import FitPlan

Listener = Callback | PenaltyNames


class Learner:
    """Trains a model on a data bunch; made by `language_model_learner` and its sister.

    Args:
        data: what to train and validate on.
        objective: the model with its penalties.
        metrics: figures shown beside the loss.
        callbacks: for every fit; `RNNTrainer` and `RNNTrainerNorm` set the penalties.
        path: folder below which `models/` is written; the data's by default.
        wd, clip, accumulate, bf16, seed: see `FitPlan`.
    """

    kind: ClassVar[Kind]

    def __init__(
        self,
        data: DataBunch,
        objective: Objective,
        metrics: Sequence[Metric | Callable[..., Any]],
        callbacks: Sequence[Listener] = (),
        path: str | Path | None = None,
        wd: float = 0.01,
        clip: float | None = None,
        accumulate: int = 1,
        bf16: bool = False,
        seed: int = 0,
    ) -> None:
        self.data = data
        self.objective = objective.eval()
        self.metrics = [as_metric(metric) for metric in metrics]
        self.callbacks = list(callbacks)
        self.path = Path(path) if path is not None else Path(data.path)
        self.wd, self.clip, self.accumulate, self.bf16 = wd, clip, accumulate, bf16
        self.seed = seed
        self.recorder = Recorder(History())
        self._stage = 0

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
        max_lr: Rate = 3e-3,
        moms: tuple[float, float] = (0.8, 0.7),
        wd: float | None = None,
        callbacks: Sequence[Listener] = (),
    ) -> None:
        """Train for `cyc_len` epochs on fastai 1's one-cycle curve."""
        self._fit(cyc_len, max_lr, "one_cycle", moms, wd, callbacks)

    def fit(
        self,
        epochs: int,
        lr: Rate = 3e-3,
        wd: float | None = None,
        callbacks: Sequence[Listener] = (),
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
        result = find_lr(self.objective, batches, plan, start_lr, end_lr, num_it, stop_div)
        self.recorder.range_test = result
        say(f"lr_find: the loss falls fastest at {result.suggestion:.2e}")
        return result

    def validate(self) -> list[float]:
        """Return the validation loss and the metrics, in the order of `metrics`."""
        evaluation = evaluate(self.objective, self._held_out(), self.bf16)
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

    def save(self, name: str) -> Path:
        """Write the model to `models/NAME`, to go on from with `load`."""
        return save_model(self._models(name), self._saved(self.model))

    def load(self, name: str) -> Learner:
        """Take back the weights of `save`; vocabulary and sizes must be the same."""
        saved = load_model(self._models(name), kind=self.kind)
        if saved.tokenizer.vocab != self.data.vocab:
            raise DataError(
                f"{self._models(name)} was saved with another vocabulary "
                f"({len(saved.tokenizer.vocab):,} words; this data has {len(self.data.vocab):,}). "
                "Use load_encoder, which matches words, or build the data with that vocabulary."
            )
        if saved.model.config.layer_sizes != self.model.config.layer_sizes or (
            saved.classes != tuple(self.data.classes)
        ):
            raise DataError(
                f"{self._models(name)} has other sizes or classes than this learner; build the "
                "learner with the config= and data it was saved with."
            )
        self.model.load_state_dict(saved.model.state_dict())
        return self

    def save_encoder(self, name: str) -> Path:
        """Write the encoder to `models/NAME`, with vocabulary and configuration inside."""
        return save_model(self._models(name), self._saved(self.model.encoder))

    def load_encoder(self, name: str) -> None:
        """Fill the encoder from `models/NAME` or from a folder of that path.

        Words are matched by their text; a word the saved vocabulary lacks gets the mean row.

        Raises:
            FileFormatError: sizes or direction differ; the message names them.
        """
        folder = Path(name) if Path(name).is_dir() else self._models(name)
        load_encoder(self.model.encoder, self.data.vocab, folder, self.data.backwards)

    def export(self, name: str = "export") -> Path:
        """Write a model folder for `load_learner` and for people: weights, tokenizer, card."""
        return save_model(self.path / folder_name(name), self._saved(self.model))

    def _fit(
        self,
        epochs: int,
        lr: Rate,
        schedule: str,
        moms: tuple[float, float],
        wd: float | None,
        callbacks: Sequence[Listener],
    ) -> None:
        plan = self._plan(epochs, lr, schedule, moms, wd)
        listeners = [*self.callbacks, *callbacks]
        names = [one for one in listeners if isinstance(one, (RNNTrainer, RNNTrainerNorm))]
        usual = self.objective.penalties
        if names:
            self.objective.penalties = names[-1].penalties
        try:
            fit(
                self.objective,
                self.data.train_batches(),
                self.data.valid_batches(),
                plan,
                self.recorder.history,
                [EpochTable(), *(one for one in listeners if isinstance(one, Callback))],
                self.metrics,
            )
        finally:
            self.objective.penalties = usual
            self._stage += 1

    def _plan(
        self, epochs: int, lr: Rate, schedule: str, moms: tuple[float, float], wd: float | None
    ) -> FitPlan:
        return FitPlan(
            epochs=epochs,
            lr=lr,
            schedule=schedule,
            moms=moms,
            wd=self.wd if wd is None else wd,
            clip=self.clip,
            accumulate=self.accumulate,
            bf16=self.bf16,
            seed=self.seed,
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

    def _models(self, name: str) -> Path:
        return self.path / "models" / folder_name(name)

    def _saved(self, model: Model) -> SavedModel:
        epochs = self.recorder.history.epochs
        figures: dict[str, Any] = {}
        if epochs:
            figures = {"train_loss": epochs[-1].train_loss, "valid_loss": epochs[-1].valid_loss}
            figures |= epochs[-1].metrics
        details = {
            "seed": self.seed,
            "penalties": asdict(self.objective.penalties),
            "data": self.data.store.meta,
        }
        return SavedModel(
            model,
            Tokenizer(self.data.vocab),
            tuple(self.data.classes),
            self.data.backwards,
            details,
            figures,
        )


def folder_name(name: str) -> str:
    """Return the folder for a name; fastai's file endings are taken off.

    Raises:
        DataError: the name would leave the folder it belongs in.
    """
    for ending in (".pkl", ".pth"):
        if name.endswith(ending):
            name = name.removesuffix(ending)
            say(f"Nothing is pickled: {name} is a folder.")
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(f"A name is {name!r}; give a plain name such as 'fine_tuned'.")
    return name
