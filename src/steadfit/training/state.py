"""The one thing that lives while a model trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from steadfit.core.checks import LARGEST_SEED, number, whole_number, yes_or_no
from steadfit.core.errors import DataError
from steadfit.models.outputs import State
from steadfit.training.history import History, SmoothedLoss
from steadfit.training.nt_asgd import NONMONO, optimizer_named
from steadfit.training.optimizer import Rate, check_momenta, plain_rate
from steadfit.training.schedules import Momenta, schedule_named


@dataclass(frozen=True)
class FitPlan:
    """The arguments of one fit, a stage of a learner's life.

    Args:
        epochs: passes over the training batches.
        lr: largest learning rate, or a slice over the layer groups (see `layer_rates`).
        schedule: "one_cycle", "slanted_triangular" or "constant".
        moms: (high, low) momentum, Adam's first coefficient; SGD has none.
        wd: weight decay, of the kind that goes with the optimizer (see `make_optimizer`).
        clip: largest norm of the whole gradient; None for no clipping.
        accumulate: batches whose gradients make one step, as if they were one batch (but for
            batch normalisation, which sees each alone).
        bf16: compute products in bfloat16; weights and sums stay float32.
        seed: of dropout masks and of the data's order.
        stage: how many fits came before; it gives each fit its own random numbers.
        first_epoch: how many epochs came before; it gives each epoch its own order.
        optimizer: "adamw", "sgd", "asgd" or "nt-asgd", which goes from SGD to averaged SGD when
            the validation loss says so (see `steadfit.training.nt_asgd`).
        nonmono: of "nt-asgd": the last so many validation losses are not compared with.
    """

    epochs: int
    lr: Rate
    schedule: str = "one_cycle"
    moms: Momenta = (0.8, 0.7)
    wd: float = 0.01
    clip: float | None = None
    accumulate: int = 1
    bf16: bool = False
    seed: int = 0
    stage: int = 0
    first_epoch: int = 0
    optimizer: str = "adamw"
    nonmono: int = NONMONO

    def __post_init__(self) -> None:
        # numpy's numbers are accepted; kept are Python's, which JSON can hold.
        keep = partial(object.__setattr__, self)
        for name in ("epochs", "accumulate"):
            keep(name, whole_number(name, getattr(self, name), 1))
        keep("wd", number("wd", self.wd))
        keep("seed", whole_number("seed", self.seed, 0, LARGEST_SEED))
        yes_or_no("bf16", self.bf16)
        if self.clip is not None:
            keep("clip", number("clip", self.clip))
            if not self.clip > 0:
                raise DataError(f"clip is {self.clip!r}; accepted are a positive norm and None.")
        keep("nonmono", whole_number("nonmono", self.nonmono))
        schedule_named(self.schedule)
        optimizer_named(self.optimizer)
        keep("moms", check_momenta(self.moms))
        keep("lr", plain_rate(self.lr))


@dataclass
class TrainState:
    """Where a fit stands: together with weights, optimizer and generator all it needs to go on."""

    epoch: int = 0  # within the fit
    step: int = 0  # within the fit
    batch: int = 0  # within the epoch, micro-batches counted
    tokens: int = 0  # read in this epoch
    seconds: float = 0.0  # trained in this epoch
    recurrent: State | None = None
    smoothed: SmoothedLoss = field(default_factory=SmoothedLoss)
    history: History = field(default_factory=History)
    finished: bool = False  # on_fit_end was called
    stop_reason: str | None = None
    averaging: bool = False  # the optimizer is averaged SGD
    judged: int = -1  # the epoch, over all fits, that judged the weights as they are; -1: none
