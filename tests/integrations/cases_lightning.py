"""Lightning: real fits with our callback beside the same training by hand."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from steadfit.integrations.lightning import PenaltyCallback
from steadfit.penalties import (
    ActivationRegularization,
    NormStabilizer,
    norm_stabilizer,
    warm_up,
)
from tests.integrations.by_hand import by_hand, close, raises
from tests.integrations.page import run_block

BATCHES, ROWS, TIME, UNITS = 4, 3, 6, 5
EXACTLY = 1e-10  # in float64, where rounding hides nothing


class Model(LightningModule):
    """Tells rising from falling sequences."""

    def __init__(self, returns: str = "loss") -> None:
        super().__init__()
        self.rnn = nn.GRU(2, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 2)
        self.double()
        self.returns = returns
        self.plain: list[float] = []

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Any:
        loss = cross_entropy(self(batch[0]), batch[1])
        self.plain.append(loss.item())
        self.log("train_loss", loss)
        if self.returns == "every other" and batch_idx % 2:
            return None
        return {"loss": loss, "more": batch_idx} if self.returns == "mapping" else loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("valid_loss", cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.3)


def batches(rows: int = ROWS, time: int = TIME) -> list[list[Tensor]]:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(BATCHES, rows, time, 2, generator=generator, dtype=torch.float64)
    y = torch.randint(2, (BATCHES, rows), generator=generator)
    lengths = torch.randint(2, time + 1, (BATCHES, rows), generator=generator)
    return [list(batch) for batch in zip(x, y, lengths, strict=True)]


def trainer(folder: Path, *callbacks: Callback, **settings: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=list(callbacks),
        **{"max_epochs": 1, "enable_checkpointing": False, **quiet, **settings},
    )


def loader(data: list[list[Tensor]]) -> DataLoader[Any]:
    return DataLoader(data, batch_size=None)


def fit(model: Model, folder: Path, *callbacks: Callback, **settings: Any) -> Trainer:
    done = trainer(folder, *callbacks, **settings)
    done.fit(model, loader(batches()))
    return done


def stabilized(beta: Any = 50.0, **settings: Any) -> PenaltyCallback:
    return PenaltyCallback({"rnn": [NormStabilizer(beta)]}, **settings)


def with_lengths(beta: Any = 50.0) -> PenaltyCallback:
    return stabilized(beta, lengths=lambda batch: batch[2])


def trained_by_hand(model: Model, beta: float = 50.0, accumulate: int = 1) -> Model:
    """Train with the penalty's own function in a loop."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for number, (x, y, lengths) in enumerate(batches(), start=1):
        penalty = norm_stabilizer(model.rnn(x)[0], beta, lengths)
        ((cross_entropy(model(x), y) + penalty) / accumulate).backward()
        if number % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    return model


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Terms(Callback):
    """Keeps what was logged, batch by batch."""

    def __init__(self) -> None:
        self.logged: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        self.logged.append({k: float(v) for k, v in trainer.callback_metrics.items()})


def test_training_is_that_of_a_loop_by_hand(folder: Path) -> None:
    model = Model()
    expected, without = trained_by_hand(model), trained_by_hand(model, beta=0.0)
    fit(model, folder, with_lengths())
    close(weights(model), weights(expected), EXACTLY)
    assert float((weights(model) - weights(without)).abs().max()) > 1e-3


def test_gradient_accumulation_averages_penalties_as_it_does_losses(folder: Path) -> None:
    model = Model()
    expected = trained_by_hand(model, accumulate=2)
    fit(model, folder, with_lengths(), accumulate_grad_batches=2)
    close(weights(model), weights(expected), EXACTLY)


def test_a_step_may_return_a_mapping(folder: Path) -> None:
    model = Model(returns="mapping")
    expected = trained_by_hand(model)
    fit(model, folder, with_lengths())
    close(weights(model), weights(expected), EXACTLY)


def test_a_step_may_skip_its_batch(folder: Path) -> None:
    terms = Terms()
    fit(Model(returns="every other"), folder, with_lengths(), terms)
    assert len(terms.logged) == BATCHES


def test_each_penalty_is_logged_and_the_modules_own_values_stay(folder: Path) -> None:
    model, terms = Model(), Terms()
    x, _, lengths = batches()[0]
    states = model.rnn(x)[0]
    real = torch.arange(TIME) < lengths.unsqueeze(1)
    callback = PenaltyCallback(
        {"rnn": [NormStabilizer(50.0), ActivationRegularization(2.0)]}, lambda batch: batch[2]
    )
    fit(model, folder, callback, terms)
    close(terms.logged[0]["penalty/rnn/norm"], by_hand(states, states, real, 0.0, 0.0, 50.0))
    close(terms.logged[0]["penalty/rnn/ar"], by_hand(states, states, real, 2.0, 0.0, 0.0))
    close([one["train_loss"] for one in terms.logged], model.plain)


def test_validation_is_untouched_and_may_have_other_shapes(folder: Path) -> None:
    model, other = Model(), batches(rows=2, time=9)
    fitting = trainer(folder, with_lengths(), limit_train_batches=0.5, val_check_interval=1)
    fitting.fit(model, loader(batches()), loader(other))
    with torch.no_grad():
        losses = [cross_entropy(model(x), y) for x, y, _ in other]
    close(fitting.callback_metrics["valid_loss"], torch.stack(losses).mean())


def test_nothing_is_left_behind(folder: Path) -> None:
    model, callback = Model(), with_lengths()
    fit(model, folder, callback)
    assert "training_step" not in vars(model)
    assert not any(one._forward_hooks for one in model.modules())
    fit(model, folder, callback)  # and once more


def test_nothing_is_left_behind_a_fit_that_fails(folder: Path) -> None:
    class Fails(Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            raise ArithmeticError("enough")

    model = Model()
    with raises(ArithmeticError, "enough"):
        fit(model, folder, with_lengths(), Fails())
    assert "training_step" not in vars(model)
    assert not any(one._forward_hooks for one in model.modules())


def test_a_fit_that_goes_on_from_a_checkpoint_ends_as_one_without_a_break(folder: Path) -> None:
    first, second, whole = (Model() for _ in range(3))
    for model in (second, whole):
        model.load_state_dict(first.state_dict())
    schedule = warm_up(50.0, 2 * BATCHES)
    fit(whole, folder, with_lengths(schedule), max_epochs=2)
    fit(first, folder, with_lengths(schedule)).save_checkpoint(folder / "half.ckpt")
    rest = trainer(folder, with_lengths(schedule), max_epochs=2)
    rest.fit(second, loader(batches()), ckpt_path=folder / "half.ckpt", weights_only=True)
    assert rest.global_step == 2 * BATCHES
    close(weights(second), weights(whole), EXACTLY)
    assert not torch.equal(weights(first), weights(whole))


def test_optimizing_by_hand_is_refused(folder: Path) -> None:
    model = Model()
    model.automatic_optimization = False
    with raises(RuntimeError, "watched.penalty() before manual_backward"):
        fit(model, folder, stabilized())


def test_a_pattern_that_matches_nothing_is_an_error(folder: Path) -> None:
    model = Model()
    with raises(ValueError, "'rnn'"):
        fit(model, folder, PenaltyCallback({"lstm": [NormStabilizer(50.0)]}))
    assert "training_step" not in vars(model)


def test_the_code_on_the_page_runs(folder: Path) -> None:
    names = run_block("lightning", model=Model(), batches=loader(batches()))
    assert "penalty/rnn/norm" in names["trainer"].callback_metrics
