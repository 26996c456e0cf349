"""Whole recipes of papers, as named configurations."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from steadfit.training.nt_asgd import NONMONO
from steadfit.training.penalty_terms import Penalties
from steadfit.training.state import FitPlan

_SIZES = ("emb_sz", "n_hid", "n_layers", "output_p", "hidden_p", "input_p", "embed_p", "weight_p")


@dataclass(frozen=True)
class LanguageModelRecipe:
    """All numbers that a language model is trained by; `dataclasses.replace` changes some.

    For the learner of the notebook, `data`, `learner` and `fit` are the arguments of `databunch`,
    `language_model_learner` and `fit`; for the rooms below it, `data` names those of a stream,
    `sizes` the overrides of `AWDLSTMConfig.from_defaults`, and `penalties` and `plan` are objects.

    Args:
        hidden_p: dropout between layers; the other dropouts as in `AWDLSTMConfig`.
        lr: constant but for what drawn windows make of it.
        bs: rows of a training batch; `val_bs` of a validation batch.
    """

    hidden_p: float
    input_p: float
    bs: int
    epochs: int
    emb_sz: int = 400
    n_hid: int = 1150
    n_layers: int = 3
    output_p: float = 0.4
    embed_p: float = 0.1
    weight_p: float = 0.5
    alpha: float = 2.0
    beta: float = 1.0
    optimizer: str = "nt-asgd"
    nonmono: int = NONMONO
    lr: float = 30.0
    clip: float = 0.25
    wd: float = 1.2e-6
    val_bs: int = 10
    bptt: int = 70
    bptt_jitter: bool = True

    @property
    def data(self) -> dict[str, Any]:
        """Arguments of `TextList.databunch`."""
        return self._some("bs", "val_bs", "bptt", "bptt_jitter")

    @property
    def sizes(self) -> dict[str, Any]:
        """Sizes and dropouts of the model."""
        return self._some(*_SIZES)

    @property
    def learner(self) -> dict[str, Any]:
        """Arguments of `language_model_learner`."""
        names = ("alpha", "beta", "optimizer", "nonmono", "clip", "wd")
        return {"config": self.sizes, **self._some(*names)}

    @property
    def fit(self) -> dict[str, Any]:
        """Arguments of the learner's `fit`, which keeps the rate constant."""
        return self._some("epochs", "lr")

    @property
    def penalties(self) -> Penalties:
        """The penalties on the last layer's outputs."""
        return Penalties(self.alpha, self.beta)

    def plan(self, seed: int = 0) -> FitPlan:
        """Return the plan of the fit."""
        chosen = self._some("epochs", "lr", "clip", "wd", "optimizer", "nonmono")
        return FitPlan(schedule="constant", seed=seed, **chosen)

    def _some(self, *names: str) -> dict[str, Any]:
        return {
            field.name: getattr(self, field.name) for field in fields(self) if field.name in names
        }


# Merity, Keskar & Socher, 2017 (arXiv 1708.02182), with the numbers of the commands in the README
# of the authors' code, which differ a little from the paper's.
AWD_LSTM_PTB = LanguageModelRecipe(hidden_p=0.25, input_p=0.4, bs=20, epochs=500)
AWD_LSTM_WT2 = LanguageModelRecipe(hidden_p=0.2, input_p=0.65, bs=80, epochs=750)
