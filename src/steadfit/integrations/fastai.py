"""The penalties in fastai 2: a callback in the place of its `RNNRegularizer`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from steadfit.integrations.attach import needs
from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    Penalty,
    TemporalActivationRegularization,
)
from steadfit.penalties.coefficients import Coefficient

try:
    from fastai.callback.core import Callback
    from fastai.callback.rnn import RNNRegularizer
    from fastai.text.models.awdlstm import AWD_LSTM
    from fastai.text.models.core import SentenceEncoder
except ImportError as error:
    raise ImportError(needs("fastai")) from error


class PenaltyCallback(Callback):
    """AR on the dropped outputs, TAR and norm stabilizer on those before dropout.

        learn = language_model_learner(dls, AWD_LSTM)
        learn.remove_cb(RNNRegularizer)
        learn.add_cb(PenaltyCallback(alpha=2.0, beta=1.0, beta_norm=50.0))

    As with `RNNRegularizer`, `RNNCallback` says what the outputs are (every text learner has it),
    the penalty is differentiated and not reported, and a classifier's AR is on undropped outputs.
    Other than there, padding does not count, and neither does the number of rows matter: TAR is
    right for one row, and zero for one step. `terms` holds the penalties of the last batch. Where
    nothing below the outputs is trained there is no penalty.

    Args:
        alpha: of AR, a number from zero or a function of `step`.
        beta: of TAR, likewise.
        beta_norm: of the norm stabilizer, likewise.
        pad_idx: the id of padding in the first input (batch, time). None: what fastai's own
            `SentenceEncoder` or `AWD_LSTM` says; without either, there is no padding.

    Attributes:
        step: the batches penalised so far, over all fits. Set it to go on with a schedule.
    """

    order, run_valid = RNNRegularizer.order, False

    def __init__(
        self,
        alpha: Coefficient = 2.0,
        beta: Coefficient = 1.0,
        beta_norm: Coefficient = 0.0,
        pad_idx: int | None = None,
    ) -> None:
        super().__init__()
        self.on_dropped = _wanted(ActivationRegularization(alpha))
        self.on_raw = _wanted(TemporalActivationRegularization(beta), NormStabilizer(beta_norm))
        self.pad_idx = pad_idx
        self.step = 0
        self.terms: dict[str, Tensor] = {}

    def before_fit(self) -> None:
        """Look at the model, and check that its outputs are known and penalised once.

        Raises:
            RuntimeError: the learner lacks `RNNCallback`, or has fastai's regularizer too.
        """
        if not hasattr(self.learn, "rnn"):
            raise RuntimeError(
                "PenaltyCallback needs fastai's RNNCallback, which knows the model's outputs: "
                "learn.add_cbs(rnn_cbs()), from fastai.callback.rnn"
            )
        if any(isinstance(other, RNNRegularizer) for other in self.learn.cbs):
            raise RuntimeError(
                "fastai's RNNRegularizer would penalise the same outputs once more: "
                "learn.remove_cb(RNNRegularizer), from fastai.callback.rnn"
            )
        self.windows, self.core = (_first(self.model, one) for one in (SentenceEncoder, AWD_LSTM))
        self.directions = self.core.n_dir if self.core else 1

    def after_loss(self) -> None:
        """Add the penalties to what is differentiated."""
        self.terms = {}
        raw, dropped = (out.as_subclass(Tensor) for out in (self.rnn.raw_out, self.rnn.out))
        if not raw.requires_grad:
            return
        real = self._real_steps(raw)
        for outputs, penalties in ((dropped, self.on_dropped), (raw, self.on_raw)):
            rows = torch.cat(outputs.chunk(self.directions, dim=2))
            for penalty in penalties:
                value = penalty(rows, real, self.step)
                self.learn.loss_grad = self.learn.loss_grad + value
                self.terms[penalty.name] = value.detach()
        self.step += 1

    def _real_steps(self, raw: Tensor) -> Tensor | None:
        """Return which outputs are those of a token, bool (batch · directions, time)."""
        own = getattr(self.windows, "pad_idx", getattr(self.core, "pad_token", None))
        pad_idx = own if self.pad_idx is None else self.pad_idx
        if pad_idx is None:
            return None
        ids = self.xb[0].as_subclass(Tensor)
        real = (ids != pad_idx)[:, -raw.shape[1] :]  # a classifier keeps the last max_len tokens
        if self.windows:
            # SentenceEncoder runs as many rows, from the first, as a window has rows that begin
            # with a token; with padding behind, these are other rows. Those left out are zeros.
            real &= raw.detach().any(dim=2)
        return torch.cat([real] * self.directions)


def _first(model: nn.Module, kind: type) -> Any:
    return next((module for module in model.modules() if isinstance(module, kind)), None)


def _wanted(*penalties: Penalty) -> list[Penalty]:
    return [penalty for penalty in penalties if penalty.coefficient]
