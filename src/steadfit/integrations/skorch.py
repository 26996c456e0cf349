"""The penalties in skorch: a callback that adds them to the net's training loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from steadfit.integrations.attach import WatchedFit, needs

try:
    from skorch import NeuralNet
    from skorch.callbacks import Callback
    from skorch.dataset import unpack_data
except ImportError as error:
    raise ImportError(needs("skorch")) from error


class PenaltyCallback(WatchedFit, Callback):
    """Adds penalties to the training loss of a net, and records each of them.

        NeuralNetClassifier(Model, callbacks=[PenaltyCallback({"rnn": [NormStabilizer(50.0)]})])

    While a fit lasts the net has another `get_loss`: its own, with the penalty added in training.
    So `train_loss` holds the penalty, and `valid_loss` does not. `net.history` has each penalty as
    `penalty/MODULE/PENALTY`, of a batch and as an epoch's mean over rows. A schedule is asked for
    the number of training batches that `net.history` held before.

    Args:
        penalties: what is put on which modules of `net.module_`, as in `steadfit.penalties.watch`.
        lengths: from the X of a batch to lengths (batch,) or a mask (batch, time). None: all steps
            are real.
        batch_first: as in `watch`.
    """

    step_ = 0

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Attach."""
        self.step_ = sum(len(_trained_on(epoch)) for epoch in net.history)
        self.attach(net.module_, net, "get_loss", partial(self._penalised, net))
        self.around(net, "fit_loop", self._detaching)  # skorch tells callbacks of no error

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Detach."""
        self.detach()

    def on_batch_begin(
        self, net: NeuralNet, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Read the lengths."""
        if self.watched_ is None:
            return
        if training:
            self.expect(unpack_data(batch)[0])
        else:
            self.watched_.set_lengths(None)

    def on_batch_end(
        self, net: NeuralNet, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Count."""
        self.step_ += bool(training)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Record the means of an epoch."""
        batches = _trained_on(net.history[-1])
        rows = sum(batch["train_batch_size"] for batch in batches)
        for name in [name for name in batches[0] if name.startswith("penalty/")]:
            total = sum(batch[name] * batch["train_batch_size"] for batch in batches)
            net.history.record(name, total / rows)

    def _detaching(self, fit_loop: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return fit_loop(*args, **kwargs)
        except BaseException:
            self.detach()
            raise

    def _penalised(
        self,
        net: NeuralNet,
        get_loss: Callable[..., Any],
        *args: Any,
        training: bool = False,
        **kwargs: Any,
    ) -> Any:
        loss = get_loss(*args, training=training, **kwargs)
        if not training or self.watched_ is None:
            return loss
        penalty = self.watched_.penalty(self.step_)
        for name, value in self.watched_.terms().items():
            net.history.record_batch(f"penalty/{name}", value.item())
        return loss + penalty


def _trained_on(epoch: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the training batches of an epoch of a history."""
    return [batch for batch in epoch["batches"] if "train_loss" in batch]
